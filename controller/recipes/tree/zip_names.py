"""Reads the names in a foreign ZIP one by one from its directory, with the memory that a single one needs."""

from __future__ import annotations

import os
import struct
import zipfile
from collections.abc import Iterator
from typing import IO

from controller.recipes.tree.archive_streams import MOST_MEMBERS

_END, _END_64, _PLACE_64, _ENTRY = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07", b"PK\x01\x02"
_END_BYTES, _END_64_BYTES, _PLACE_64_BYTES, _ENTRY_BYTES = 22, 56, 20, 46
_LONGEST_COMMENT = 0xFFFF
_UTF8 = 0x800


def names(stream: IO[bytes]) -> Iterator[str]:
    """Yield the names of a ZIP's members, only the first of very many. Raises zipfile.BadZipFile, OSError."""
    start, end = _directory(stream)
    stream.seek(start)
    for _ in range(MOST_MEMBERS):
        head = stream.read(_ENTRY_BYTES) if stream.tell() + _ENTRY_BYTES <= end else b""
        if not head.startswith(_ENTRY) or len(head) < _ENTRY_BYTES:
            return
        (flags,) = struct.unpack_from("<H", head, 8)
        name_bytes, extra_bytes, comment_bytes = struct.unpack_from("<3H", head, 28)
        yield stream.read(name_bytes).decode("utf-8" if flags & _UTF8 else "cp437", "replace")
        stream.seek(extra_bytes + comment_bytes, os.SEEK_CUR)


def _directory(stream: IO[bytes]) -> tuple[int, int]:
    """Return where the directory begins and ends, as `zipfile` determines it: bytes may stand before the archive."""
    size = stream.seek(0, os.SEEK_END)
    tail = _at(stream, max(0, size - _END_BYTES - _LONGEST_COMMENT), _END_BYTES + _LONGEST_COMMENT)
    found = tail.rfind(_END)
    if found < 0 or len(tail) - found < _END_BYTES:
        raise zipfile.BadZipFile("File is not a zip file")
    end = size - len(tail) + found
    (length,) = struct.unpack_from("<L", tail, found + 12)
    place = _at(stream, max(0, end - _PLACE_64_BYTES), _PLACE_64_BYTES)
    if place.startswith(_PLACE_64):
        end -= _PLACE_64_BYTES + _END_64_BYTES
        record = _at(stream, max(0, end), _END_64_BYTES)
        if record.startswith(_END_64) and len(record) == _END_64_BYTES:
            length = struct.unpack_from("<Q", record, 40)[0]
    if length > end:
        raise zipfile.BadZipFile("Bad offset for central directory")
    return end - length, end


def _at(stream: IO[bytes], place: int, count: int) -> bytes:
    stream.seek(place)
    return stream.read(count)
