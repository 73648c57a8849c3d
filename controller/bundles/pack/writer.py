"""Writes the bundle file: spools members next to it, writes one reproducible ZIP, and renames it into place."""

from __future__ import annotations

import copy
import errno
import hashlib
import itertools
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from controller.bundles.pack.gzip_member import Pieces, gzipped
from controller.files import give_new_name
from shared.bundle import MANIFEST
from shared.errors import ShoplaunchError

_DATE = (1980, 1, 1, 0, 0, 0)
_COPY_BYTES = 1024 * 1024


@dataclass
class Member:
    """A member's entry in the manifest, and the file with its bytes."""

    kind: str
    path: Path
    sha256: str
    size: int
    placeholders: bool
    unpacked: int
    more: dict[str, object]
    name: str = ""

    def as_json(self) -> dict[str, object]:
        """Return the entry for the manifest."""
        return {
            "name": self.name,
            "kind": self.kind,
            "sha256": self.sha256,
            "size": self.size,
            "placeholders": self.placeholders,
            "unpacked": self.unpacked,
            **self.more,
        }


class BundleWriter:
    """A context that ends with the finished bundle at `target`, or with nothing.

    `spool` is the temporary folder of its members.
    """

    def __init__(self, target: Path) -> None:
        self.target = target
        self.members: list[Member] = []
        self.spool = Path()
        self._part = "0"
        # Two threads may add members: the next number is taken in one step
        self._numbers = itertools.count()

    def __enter__(self) -> BundleWriter:
        with disk_errors(self.target):
            if self.target.is_dir():
                raise ShoplaunchError("file_error", f"{self.target} is a directory")
            self.spool = Path(tempfile.mkdtemp(prefix=f".{self.target.name}.", dir=self.target.parent))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self.spool)

    def part(self, name: str) -> BundleWriter:
        """Return a writer for another process, its members next to ours; `members` takes them over from there."""
        other = copy.copy(self)
        other.members, other._part, other._numbers = [], name, itertools.count()
        return other

    def arrived(self, part: str) -> list[Path]:
        """Return the files of the members that a part's writer, in another process, has added so far, in order."""
        return sorted(self.spool.glob(f"{part}-[0-9]*[0-9]"))

    def add(
        self, kind: str, packed: bytes, placeholders: bool, unpacked: int, name: str = "", **more: object
    ) -> Member:
        """Spool one member. Without `name` it gets one by `number`. Raises ShoplaunchError `disk_full`."""
        return self.add_pieces(kind, [packed], placeholders, unpacked, name, **more)

    def add_pieces(
        self, kind: str, packed: Pieces, placeholders: bool, unpacked: int, name: str = "", **more: object
    ) -> Member:
        """Spool one member, whose bytes are in pieces; as `add`."""
        path = self.spool / f"{self._part}-{next(self._numbers):06}"
        unfinished = path.with_suffix(".unfinished")
        with disk_errors(self.target):
            with unfinished.open("wb", _COPY_BYTES) as stream:
                stream.writelines(packed)
            # Renamed when complete: a reader finds only whole members
            unfinished.rename(path)
        digest = hashlib.sha256()
        for piece in packed:
            digest.update(piece)
        size = sum(map(len, packed))
        member = Member(kind, path, digest.hexdigest(), size, placeholders, unpacked, more, name)
        self.members.append(member)
        return member

    def add_document(self, kind: str, name: str, content: bytes, placeholders: bool) -> Member:
        """Spool a small document, compressed."""
        return self.add(kind, gzipped(content), placeholders, len(content), name)

    def number(self) -> None:
        """Name shards and chunks: in order of arrival, shards with placeholders last."""
        shards = [member for member in self.members if member.kind == "files"]
        for number, member in enumerate(sorted(shards, key=lambda one: one.placeholders), 1):
            member.name = f"files/{number:04}.tar.gz"
        for number, member in enumerate((one for one in self.members if one.kind == "variant_files"), 1):
            member.name = f"files/variant/{number:04}.tar.gz"
        chunks = [member for member in self.members if member.kind == "data"]
        for number, member in enumerate(chunks, 1):
            member.name = f"db/data/{number:04}.sql.gz"
        self.members.sort(key=lambda one: one.name.encode("ascii"))

    def read(self, member: Member) -> bytes:
        """Return a spooled member's packed bytes."""
        return member.path.read_bytes()

    def assemble(self, manifest: bytes) -> Path:
        """Write the ZIP next to the target and return its path; `publish` makes it the bundle."""
        path = self.spool / "bundle"
        with disk_errors(self.target), path.open("w+b") as stream:
            # It holds the whole template: the operator decides who else may read it
            os.fchmod(stream.fileno(), 0o600)
            with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
                for member in self.members:
                    self._copy(archive, member)
                archive.writestr(_info(MANIFEST, len(manifest)), manifest)
            stream.flush()
            os.fsync(stream.fileno())
        return path

    def publish(self, path: Path, *, replace: bool = True) -> None:
        """Rename the assembled bundle into place, durably; replace an existing file, or raise `name_taken`."""
        with disk_errors(self.target):
            if replace:
                path.replace(self.target)
            else:
                give_new_name(path.absolute(), self.target)
            directory = os.open(self.target.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)

    @staticmethod
    def _copy(archive: zipfile.ZipFile, member: Member) -> None:
        with archive.open(_info(member.name, member.size), "w") as inside, member.path.open("rb") as outside:
            shutil.copyfileobj(outside, inside, _COPY_BYTES)


def _info(name: str, size: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _DATE)
    info.create_system = 3
    info.external_attr = 0o644 << 16
    info.file_size = size
    return info


@contextmanager
def disk_errors(target: Path) -> Iterator[None]:
    """Turn a full disk into ShoplaunchError `disk_full`, any other OSError into `file_error`."""
    try:
        yield
    except OSError as problem:
        code = "disk_full" if problem.errno in (errno.ENOSPC, errno.EDQUOT) else "file_error"
        raise ShoplaunchError(code, f"{target}: {problem.strerror or problem}") from problem
