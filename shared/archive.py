"""Reads the directory of a bundle's ZIP within limits: stored members with safe names that do not overlap.

Supports only the part of the format (PKWARE's APPNOTE 6.3: sections 4.3.12 to 4.3.16, and 4.5.3) that a bundle is
written with: one part, no comments, no extra fields except ZIP64. Python's own reader supports more, and loading it
takes longer than unpacking several shards.
"""

import collections
import struct

from shared.bundle import check_path
from shared.errors import ShoplaunchError

MYPY = False
if MYPY:
    from typing import BinaryIO

#: About sixty thousand members, a hundred times what a large shop has. A larger directory is not read.
MAX_DIRECTORY_BYTES = 4 * 1024 * 1024
_STORED = 0
_ENCRYPTED = 0x1
#: Values that mean "too large for this field": the number is in the extra field of this kind, or the ZIP64 end record.
_ELSEWHERE, _MOST_SHORT, _LARGE = 0xFFFFFFFF, 0xFFFF, 1
#: Signature, part numbers, member counts (this part, total), size and start of the directory, length of the comment.
_END = struct.Struct("<4s4H2LH")
_LOCATOR = struct.Struct("<4sLQL")
_LOCATOR_MARK = b"PK\6\7"
_LARGE_END = struct.Struct("<4sQ2H2L4Q")
#: Size of the header before a member's bytes; its name and an extra field follow.
_LOCAL_BYTES = 30
#: Signature, versions, flags, method, time, date, checksum, sizes, three lengths, part, two attributes, start.
_MEMBER = struct.Struct("<4s6H3L5H2L")

#: `size` bytes of content follow the local header at `start` (both int).
Entry = collections.namedtuple("Entry", "name start size")


def directory(stream: "BinaryIO") -> "dict[str, Entry]":
    """Return name -> Entry of the bundle open as `stream` (binary, seekable).

    Raises ShoplaunchError `bundle_damaged` (not a complete ZIP of stored members that do not overlap, each name
    once), `unsafe_path`; OSError.
    """
    total = stream.seek(0, 2)
    count, size, start = _end(stream, total)
    if size > MAX_DIRECTORY_BYTES:
        raise ShoplaunchError("bundle_damaged", "the bundle claims a directory of {} bytes".format(size))
    entries: "dict[str, Entry]" = {}
    data, at = _read(stream, start, size), 0
    for _ in range(count):
        entry, at = _entry(data, at)
        if entry.start + _LOCAL_BYTES + len(entry.name) + entry.size > start:
            raise ShoplaunchError("bundle_damaged", "{} lies outside of the members".format(entry.name[:120]))
        if entry.name in entries:
            raise ShoplaunchError("bundle_damaged", "{} is there twice".format(entry.name[:120]))
        entries[entry.name] = entry
    if at != size:
        raise _no_zip("its directory does not end where it should")
    # Overlapping entries would make the reader read the same bytes many times
    if sum(entry.size for entry in entries.values()) > total:
        raise ShoplaunchError("bundle_damaged", "the bundle's members lie over one another")
    return entries


def _end(stream: "BinaryIO", total: int) -> "tuple[int, int, int]":
    """Return (number of members, size of the directory, its start) of the ZIP of `total` bytes."""
    at = total - _END.size
    mark, part, first, here, count, size, start, comment = _END.unpack(_read(stream, at, _END.size))
    if mark != b"PK\5\6" or part or first or here != count or comment:
        raise _no_zip("it does not end as the packer writes it")
    locator = at - _LOCATOR.size
    if locator >= 0 and _read(stream, locator, len(_LOCATOR_MARK)) == _LOCATOR_MARK:
        small = count, size, start
        at, count, size, start = _large_end(stream, locator)
        if small != (min(count, _MOST_SHORT), min(size, _ELSEWHERE), min(start, _ELSEWHERE)):
            raise _no_zip("its two ends differ")
    if start + size != at:
        raise _no_zip("its directory does not lie before its end")
    return count, size, start


def _large_end(stream: "BinaryIO", locator: int) -> "tuple[int, int, int, int]":
    """Return the position of the ZIP64 end record that `locator` points to, and the three values `_end` returns."""
    _, part, at, parts = _LOCATOR.unpack(_read(stream, locator, _LOCATOR.size))
    if part or parts > 1 or at + _LARGE_END.size != locator:
        raise _no_zip("its ZIP64 end is not where it should be")
    mark, _, _, _, part, first, here, count, size, start = _LARGE_END.unpack(_read(stream, at, _LARGE_END.size))
    if mark != b"PK\6\6" or part or first or here != count:
        raise _no_zip("its ZIP64 end is not as the packer writes it")
    return at, count, size, start


def _entry(data: bytes, at: int) -> "tuple[Entry, int]":
    """Return (Entry at offset `at` of `data`, offset of the next one)."""
    if len(data) - at < _MEMBER.size:
        raise _no_zip("its directory is cut short")
    found = _MEMBER.unpack_from(data, at)
    mark, flags, method, packed, size = found[0], found[3], found[4], found[8], found[9]
    name_bytes, extra_bytes, comment, part, start = found[10], found[11], found[12], found[13], found[16]
    if mark != b"PK\1\2" or comment or part:
        raise _no_zip("its directory holds what the packer does not write")
    name_end = at + _MEMBER.size + name_bytes
    end = name_end + extra_bytes
    raw = check_path(data[at + _MEMBER.size : name_end])
    size, packed, start = _larger(data[name_end:end], [size, packed, start])
    try:
        name = raw.decode("ascii")
    except UnicodeDecodeError:
        raise _no_zip("a name in it is not as the packer writes it") from None
    if method != _STORED or flags & _ENCRYPTED or size != packed:
        raise ShoplaunchError("bundle_damaged", "{} is not stored plainly".format(name[:120]))
    return Entry(name, start, size), end


def _larger(extra: bytes, numbers: "list[int]") -> "list[int]":
    """Return `numbers` with each overflowed value replaced from `extra`, in order; `extra` must hold nothing else."""
    if _ELSEWHERE not in numbers and not extra:
        return numbers
    missing = numbers.count(_ELSEWHERE)
    form = struct.Struct("<2H{}Q".format(missing))
    if not missing or len(extra) != form.size or form.unpack(extra)[:2] != (_LARGE, 8 * missing):
        raise _no_zip("an extra field in it is not as the packer writes it")
    larger = iter(form.unpack(extra)[2:])
    return [next(larger) if number == _ELSEWHERE else number for number in numbers]


def _read(stream: "BinaryIO", start: int, size: int) -> bytes:
    if start < 0:
        raise _no_zip("it is too short")
    stream.seek(start)
    data = stream.read(size)
    if len(data) < size:
        raise _no_zip("it became shorter")
    return data


def _no_zip(why: str) -> "ShoplaunchError":
    return ShoplaunchError("bundle_damaged", "the bundle is not a complete ZIP file: {}".format(why))
