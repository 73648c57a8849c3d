"""Reads a finished bundle: its manifest, and its members checked against their digests."""

from __future__ import annotations

import errno
import hashlib
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from shared.archive import directory
from shared.bundle import MANIFEST, MAX_MANIFEST_BYTES, load_manifest
from shared.encoding import sha256_hex
from shared.errors import ShoplaunchError

if TYPE_CHECKING:
    from shared.documents import Manifest, Member

_PIECE_BYTES = 1024 * 1024
#: Errors of the library on altered bytes; RuntimeError: it takes a member for an encrypted one.
DAMAGE = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, LookupError, RuntimeError, ValueError,
    OverflowError,
)  # fmt: skip


class BundleFile:
    """An open bundle; `manifest` is checked, `manifest_sha256` and `size` are the values a job pins."""

    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        names = archive.namelist()
        if MANIFEST not in names:
            raise ShoplaunchError("bundle_damaged", "the bundle has no manifest")
        if archive.getinfo(MANIFEST).file_size > MAX_MANIFEST_BYTES:
            raise ShoplaunchError("manifest_invalid", "the manifest is too large")
        data = archive.read(MANIFEST)
        self.manifest: Manifest = load_manifest(data)
        self.manifest_sha256: str = sha256_hex(data)
        self.manifest_bytes = len(data)
        self.size = path.stat().st_size
        expected = {member["name"] for member in self.manifest["members"]} | {MANIFEST}
        if set(names) != expected:
            raise ShoplaunchError("bundle_damaged", "the bundle's members are not those of its manifest")

    def members(self) -> Iterator[tuple[Member, bytes]]:
        """Yield (manifest entry, packed bytes) of every member. Raises ShoplaunchError `bundle_digest`."""
        for member in self.manifest["members"]:
            yield member, self.read(member)

    def read(self, member: Member) -> bytes:
        """Return a member's packed bytes. Raises ShoplaunchError `bundle_digest`, `bundle_damaged`."""
        return b"".join(self.pieces(member))

    def pieces(self, member: Member) -> Iterator[bytes]:
        """Yield a member's packed bytes piece by piece; until the end nothing is proven. Raises as `read`."""
        digest = hashlib.sha256()
        with damage():
            # Checked first: a false size must not become allocated memory
            if self._archive.getinfo(member["name"]).file_size != member["size"]:
                raise ShoplaunchError("bundle_damaged", f"{member['name']} is not as long as the manifest says")
            with self._archive.open(member["name"]) as stream:
                while piece := stream.read(_PIECE_BYTES):
                    digest.update(piece)
                    yield piece
        if digest.hexdigest() != member["sha256"]:
            raise ShoplaunchError("bundle_digest", f"{member['name']} does not match its digest")


@contextmanager
def open_bundle(path: Path) -> Iterator[BundleFile]:
    """Yield the bundle at `path`.

    Raises ShoplaunchError `bundle_missing`, `bundle_damaged`, `unsafe_path`, `manifest_invalid`, `bundle_format`.
    """
    if not path.is_file():
        raise ShoplaunchError("bundle_missing", f"there is no file {path}")
    with ExitStack() as stack:
        with damage():
            stream = stack.enter_context(path.open("rb"))
            entries = directory(stream)
            archive = stack.enter_context(zipfile.ZipFile(stream))
            found = [(info.filename, info.header_offset, info.file_size) for info in archive.infolist()]
            # The library takes some names from other fields; the agent reads the file as `directory` does
            if found != [tuple(entry) for entry in entries.values()]:
                raise ShoplaunchError("bundle_damaged", "the bundle's directory can be read in two ways")
            bundle = BundleFile(path, archive)
        # Errors of the caller are not the file's fault: outside of `damage`
        yield bundle


def check_members(bundle: BundleFile) -> None:
    """Read every member and compare its digest. Raises ShoplaunchError `bundle_digest`."""
    for member in bundle.manifest["members"]:
        for _ in bundle.pieces(member):
            pass


@contextmanager
def damage() -> Iterator[None]:
    """Turn the errors of a truncated or altered ZIP into ShoplaunchError `bundle_damaged`."""
    try:
        yield
    except OSError as problem:
        if problem.errno != errno.EINVAL:
            raise
        # A position before the beginning of the file
        raise ShoplaunchError("bundle_damaged", "the bundle cannot be read: its directory is damaged") from problem
    except DAMAGE as problem:
        raise ShoplaunchError("bundle_damaged", f"the bundle cannot be read: {problem}"[:300]) from problem
