"""Reads foreign archives in bounded memory, whatever sizes they state."""

from __future__ import annotations

import io
import lzma
import os
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, cast

from shared.errors import ShoplaunchError

PIECE_BYTES = 256 * 1024
#: Eight times the memory that `xz -9` needs.
MOST_FOR_XZ = 512 * 1024 * 1024
#: Names, attributes and holes of a member take less; each header may be in memory many times.
_MOST_OF_HEADERS = 128 * 1024
#: Bytes of a ZIP's directory: 60,000 files need half of it. `zipfile` needs twenty times as much memory to hold it.
MOST_DIRECTORY_BYTES = 16 * 1024 * 1024
#: A whole site in one archive has a fraction of that.
MOST_MEMBERS = 1_000_000
#: Other methods decompress a whole read at once, whatever its size.
_BOUNDED_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
METHOD_NAMES = {zipfile.ZIP_BZIP2: "bzip2", zipfile.ZIP_LZMA: "lzma"}


def is_bounded(member: zipfile.ZipInfo) -> bool:
    """Return whether a member of a ZIP is decompressed only as far as it is read."""
    return member.compress_type in _BOUNDED_METHODS


class Xz(io.RawIOBase):
    """The content of an xz file. Raises lzma.LZMAError if it is damaged or needs too much memory; EOFError."""

    def __init__(self, packed: IO[bytes]) -> None:
        self._packed = packed
        self._begin()

    def _begin(self) -> None:
        self._packed.seek(0)
        self._place = 0
        self._unpacker = _unpacker()

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True; seeking back starts again from the beginning."""
        return True

    def tell(self) -> int:
        """Return the number of bytes read."""
        return self._place

    def seek(self, place: int, whence: int = os.SEEK_SET) -> int:
        """Seek to a byte, counted from the beginning or from the current position."""
        place += self._place if whence == os.SEEK_CUR else 0
        if place < self._place:
            self._begin()
        while self._place < place and self.read(min(PIECE_BYTES, place - self._place)):
            continue
        return self._place

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill the beginning of `buffer`; return the number of bytes, 0 at the end."""
        given = b""
        while not given:
            more = self._more()
            if more is None:
                return 0
            given = self._unpacker.decompress(more, len(buffer))
        buffer[: len(given)] = given
        self._place += len(given)
        return len(given)

    def _more(self) -> bytes | None:
        """Return more input for the decompressor, None at the end of the last of several streams."""
        if not self._unpacker.eof:
            more = self._packed.read(PIECE_BYTES) if self._unpacker.needs_input else b""
            if not more and self._unpacker.needs_input:
                raise EOFError("the archive ends too early")
            return more
        rest = self._unpacker.unused_data.lstrip(b"\0")
        while not rest:
            piece = self._packed.read(PIECE_BYTES)
            if not piece:
                return None
            rest = piece.lstrip(b"\0")
        self._unpacker = _unpacker()
        return rest


def _unpacker() -> lzma.LZMADecompressor:
    return lzma.LZMADecompressor(memlimit=MOST_FOR_XZ)


class _Headers:
    """A stream for `tarfile`: headers of one member that have no end are refused before they are read."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.seek = stream.seek
        self.tell = stream.tell
        #: How much of a member's headers may still be read; None while its content is read.
        self.left: int | None = _MOST_OF_HEADERS

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes. Raises tarfile.ReadError for more headers than any member has."""
        if self.left is not None:
            if not 0 <= size <= self.left:
                raise tarfile.ReadError("headers without end")
            self.left -= size
        return self._stream.read(size)


class Tar:
    """A stranger's tar archive. Reading it, and making this object, raises tarfile.TarError where it is damaged."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._headers = _Headers(stream)
        with _as_damage():
            self._archive = tarfile.open(fileobj=cast(IO[bytes], self._headers), mode="r:")  # noqa: SIM115 - see `__exit__`

    def __enter__(self) -> Tar:
        return self

    def __exit__(self, *_how: object) -> None:
        self._archive.close()

    def __iter__(self) -> Iterator[tarfile.TarInfo]:
        """Yield the members, each once; the content of each can be read before the next one is asked for."""
        last = -1
        while True:
            self._headers.left = _MOST_OF_HEADERS
            with _as_damage():
                member = self._archive.next()
            self._headers.left = None
            if member is None:
                return
            if member.offset <= last:
                # With a length below zero, in a Python that takes it
                raise tarfile.ReadError("its members lead in a circle")
            last = member.offset
            # tarfile keeps all members otherwise, and what headers say of all that follow
            self._archive.members.clear()  # type: ignore[attr-defined]
            cast(dict[str, str], self._archive.pax_headers).clear()
            yield member

    @property
    def offset(self) -> int:
        """The number of bytes of the archive up to the next member."""
        return self._archive.offset

    def content(self, member: tarfile.TarInfo) -> IO[bytes]:
        """Return the content of a file."""
        self._headers.left = None
        found = self._archive.extractfile(member)
        assert found is not None
        return found


@contextmanager
def _as_damage() -> Iterator[None]:
    """Raise what tarfile meets in headers nobody wrote as tarfile.ReadError."""
    try:
        yield
    except (LookupError, ArithmeticError, ValueError, RecursionError) as problem:
        raise tarfile.ReadError(f"a header nobody can read: {type(problem).__name__}") from problem


class ZipStream:
    """A stream for `zipfile`: an oversized directory is refused before it is read."""

    def __init__(self, stream: IO[bytes], most: int = MOST_DIRECTORY_BYTES) -> None:
        self._stream = stream
        self._most = most
        self.seek = stream.seek
        self.tell = stream.tell
        self.seekable = stream.seekable

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes. Raises zipfile.BadZipFile for very many."""
        if size > self._most:
            raise zipfile.BadZipFile(f"a directory of {size} bytes")
        data = self._stream.read(self._most + 1 if size < 0 else size)
        if len(data) > self._most:
            raise zipfile.BadZipFile("an end without end")
        return data


def files_of(archive: Tar, ending: str) -> list[tarfile.TarInfo]:
    """Return the archive's files with this ending, all of its files if there is none; the first two hundred of many.

    Raises ShoplaunchError `dump_unreadable`.
    """
    named: list[tarfile.TarInfo] = []
    others: list[tarfile.TarInfo] = []
    for number, member in enumerate(archive):
        if number == MOST_MEMBERS:
            raise ShoplaunchError("dump_unreadable", f"the archive holds more than {MOST_MEMBERS} files")
        found = named if member.name.lower().endswith(ending) else others
        if member.isfile() and len(found) < 200:
            found.append(member)
    return named or others
