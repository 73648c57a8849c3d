"""Reads foreign archives in bounded memory, whatever sizes they state."""

from __future__ import annotations

import io
import lzma
import os
import tarfile
import zipfile
from typing import IO

from shared.errors import ShoplaunchError

PIECE_BYTES = 256 * 1024
#: Eight times the memory that `xz -9` needs.
MOST_FOR_XZ = 512 * 1024 * 1024
#: Members have no longer names and attributes.
_MOST_AT_ONCE = 1024 * 1024
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


class TarStream:
    """A stream for `tarfile`: an oversized header is refused before it is read."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.seek = stream.seek
        self.tell = stream.tell

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes. Raises tarfile.ReadError for very many."""
        if not 0 <= size <= _MOST_AT_ONCE:
            raise tarfile.ReadError(f"a header of {size} bytes")
        return self._stream.read(size)


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


def files_of(archive: tarfile.TarFile, ending: str) -> list[tarfile.TarInfo]:
    """Return the archive's files with this ending, all of its files if there is none; the first two hundred of many.

    Raises ShoplaunchError `dump_unreadable`.
    """
    named: list[tarfile.TarInfo] = []
    others: list[tarfile.TarInfo] = []
    for _ in range(MOST_MEMBERS):
        member = archive.next()
        if member is None:
            return named or others
        # tarfile keeps all members otherwise
        archive.members.clear()  # type: ignore[attr-defined]
        found = named if member.name.lower().endswith(ending) else others
        if member.isfile() and len(found) < 200:
            found.append(member)
    raise ShoplaunchError("dump_unreadable", f"the archive holds more than {MOST_MEMBERS} files")
