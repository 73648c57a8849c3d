"""The application's own release: a file of the template that is byte for byte one of it holds nobody's secrets."""

from __future__ import annotations

import hashlib
import os
import tempfile
import zipfile
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import IO

from controller.recipes.tree.archive_streams import is_bounded
from shared.errors import ShoplaunchError

_PIECE_BYTES = 256 * 1024
#: A release holds a tenth of either.
MOST_FILES = 500_000
MOST_BYTES = 4 * 1024**3
#: PrestaShop's own archive holds the application in another.
_DEPTH = 2


class Release:
    """The files of a release at `path`: a folder, or a ZIP as its makers publish it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def holds(self, content: bytes) -> bool:
        """Return whether a file with this content is in the release. Raises ShoplaunchError `release_unreadable`."""
        return bool(content) and hashlib.sha256(content).digest() in self._digests

    @cached_property
    def _digests(self) -> frozenset[bytes]:
        found: set[bytes] = set()
        room = MOST_BYTES
        try:
            for stream in _streams(self._path):
                digest, size = _digest(stream, room)
                found.add(digest)
                room -= size
                if len(found) > MOST_FILES:
                    raise self._refusal(f"it holds more than {MOST_FILES} files")
        except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as problem:
            raise self._refusal(str(problem) or type(problem).__name__) from None
        except _TooLarge:
            raise self._refusal(f"it holds more than {MOST_BYTES} bytes") from None
        if not found:
            raise self._refusal("it holds no file")
        return frozenset(found)

    def _refusal(self, reason: str) -> ShoplaunchError:
        return ShoplaunchError("release_unreadable", f"{self._path}: {reason}"[:500])


class _TooLarge(Exception):
    """The release has more bytes than any."""


def _digest(stream: IO[bytes], room: int) -> tuple[bytes, int]:
    made, size = hashlib.sha256(), 0
    while piece := stream.read(_PIECE_BYTES):
        size += len(piece)
        if size > room:
            raise _TooLarge
        made.update(piece)
    return made.digest(), size


def _streams(path: Path) -> Iterator[IO[bytes]]:
    if not path.is_dir():
        with path.open("rb") as archive:
            yield from _members(archive, _DEPTH)
        return
    for folder, _, names in os.walk(path):
        for name in names:
            file = Path(folder, name)
            if file.is_file() and not file.is_symlink():
                with file.open("rb") as stream:
                    yield stream


def _members(file: IO[bytes], depth: int) -> Iterator[IO[bytes]]:
    """Yield the files of a ZIP, and those of the archives in it."""
    with zipfile.ZipFile(file) as archive:
        for member in archive.infolist():
            if member.is_dir() or not is_bounded(member):
                continue
            with archive.open(member) as stream:
                if depth > 1 and member.filename.endswith(".zip"):
                    yield from _inner(stream, depth - 1)
                else:
                    yield stream


def _inner(packed: IO[bytes], depth: int) -> Iterator[IO[bytes]]:
    with tempfile.TemporaryFile() as spool:
        size = 0
        while piece := packed.read(_PIECE_BYTES):
            size += len(piece)
            if size > MOST_BYTES:
                raise _TooLarge
            spool.write(piece)
        spool.seek(0)
        yield spool
        if zipfile.is_zipfile(spool):
            spool.seek(0)
            yield from _members(spool, depth)
