"""Writes gzip with a fixed header: same bytes in, same bytes out."""

from __future__ import annotations

import struct
import zlib

LEVEL = 6
#: No name, no time, no operating system.
_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
#: A stored block that is not the last: RFC 1951, 3.2.4.
_STORED = struct.Struct("<BHH")
_STORED_BYTES = 0xFFFF
Pieces = list[bytes | memoryview]


class GzipWriter:
    """Makes one gzip member of compressed and stored data; `fed` and `written` count the bytes of both so far,
    before and after compression."""

    def __init__(self) -> None:
        self._deflate = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
        self._pieces: Pieces = [_HEADER]
        self._crc = 0
        self.fed = 0
        self.written = len(_HEADER)

    def feed(self, data: bytes) -> None:
        """Compress `data`."""
        self._crc = zlib.crc32(data, self._crc)
        self.fed += len(data)
        self._take(self._deflate.compress(data))

    def store(self, data: bytes) -> None:
        """Add `data` uncompressed: data that hardly shrinks is unpacked several times as fast this way."""
        self._crc = zlib.crc32(data, self._crc)
        self.fed += len(data)
        # To a whole byte; and later data may not refer to data before this, as zlib does not know the stored bytes
        self._take(self._deflate.flush(zlib.Z_FULL_FLUSH))
        view = memoryview(data)
        for start in range(0, len(data), _STORED_BYTES):
            block = view[start : start + _STORED_BYTES]
            self._take(_STORED.pack(0, len(block), len(block) ^ 0xFFFF))
            self._take(block)

    def finish(self) -> Pieces:
        """Return the whole gzip member, in pieces: joined, a large file would be in memory twice."""
        self._take(self._deflate.flush())
        self._take(struct.pack("<II", self._crc, self.fed & 0xFFFFFFFF))
        return self._pieces

    def _take(self, piece: bytes | memoryview) -> None:
        if piece:
            self._pieces.append(piece)
            self.written += len(piece)


def gzipped(data: bytes) -> bytes:
    """Return `data` as one gzip member."""
    writer = GzipWriter()
    writer.feed(data)
    return b"".join(writer.finish())
