"""Extracts texts from files that are not text: two bytes a character, gzip, members of archives."""

from __future__ import annotations

import contextlib
import io
import re
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, cast

from controller.recipes.tree.archive_streams import Tar, ZipStream, is_bounded

#: Limits for one archive: bytes to unpack, however much it holds, and members to read.
MOST_BYTES = 8 * 1024 * 1024
_MOST_MEMBERS = 500
#: Limit for a file and all archives in it.
MOST_IN_ALL = 4 * MOST_BYTES
#: An archive within an archive, and no deeper.
_DEEPEST = 2
_GZIP, _ZIP = b"\x1f\x8b", b"PK\x03\x04"
_TAR, _TAR_AT = b"ustar", 257
#: UTF-16 with a byte order mark, or the first characters of a text without one.
_WIDE = re.compile(rb"\xff\xfe|\xfe\xff|(?:[\t\r\n -~]\0){4}|(?:\0[\t\r\n -~]){4}")
#: Members of these kinds are no text.
_NO_TEXT = re.compile(r"\.(?:jpe?g|png|gif|webp|avif|ico|mp[34]|webm|woff2?|ttf|eot|otf)$", re.IGNORECASE)


def inner_texts(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield (name in the archive, "" for the file itself; text) of texts encoded or packed in a file."""
    yield from _inside(content, _Room(MOST_IN_ALL), _DEEPEST)


@dataclass
class _Room:
    """Counts the bytes that may still be unpacked."""

    left: int

    def of_one(self) -> int:
        """Return how many of them one archive may take."""
        return max(0, min(self.left, MOST_BYTES))


def _inside(content: bytes, room: _Room, depth: int) -> Iterator[tuple[str, bytes]]:
    if content.startswith(_GZIP):
        found = list(_unpacked(_inflated(content, room)))
    elif content.startswith(_ZIP):
        found = list(_members(content, room))
    else:
        if _WIDE.match(content):
            # Secrets are ASCII: the other bytes are all zero
            yield "", content[: room.of_one()].replace(b"\0", b"")
        return
    for name, data in found:
        yield name, data
        if depth > 1:
            yield from ((name, text) for _, text in _inside(data, room, depth - 1))


def _unpacked(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the content of gzip data: a tar's members, as far as it was unpacked, or else the data itself."""
    if content[_TAR_AT : _TAR_AT + len(_TAR)] != _TAR:
        yield "", content
        return
    with contextlib.suppress(tarfile.TarError, OSError, EOFError), Tar(io.BytesIO(content)) as archive:
        for _, member in zip(range(_MOST_MEMBERS), archive, strict=False):
            # A sparse file would expand to any size it states
            if member.isfile() and not member.issparse() and not _NO_TEXT.search(member.name):
                yield member.name, archive.content(member).read()


def _inflated(content: bytes, room: _Room) -> bytes:
    most = room.of_one()
    # To the library zero means no limit
    with contextlib.suppress(zlib.error):
        data = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(content, most) if most else b""
        room.left -= len(data)
        return data
    return b""


def _members(content: bytes, room: _Room) -> Iterator[tuple[str, bytes]]:
    # RuntimeError is for a member that is encrypted
    broken = (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, ValueError, OSError)
    most = room.of_one()
    stream = cast(IO[bytes], ZipStream(io.BytesIO(content), MOST_BYTES))
    with contextlib.suppress(*broken), zipfile.ZipFile(stream) as archive:
        for member in archive.infolist()[:_MOST_MEMBERS]:
            if most <= 0:
                return
            if member.is_dir() or _NO_TEXT.search(member.filename) or not is_bounded(member):
                continue
            with contextlib.suppress(*broken), archive.open(member) as opened:
                data = opened.read(most)
                most -= len(data)
                room.left -= len(data)
                yield member.filename, data
