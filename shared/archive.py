"""The directory of a bundle's ZIP, read within bounds: plainly stored members with safe names, side by side.

Of the format (PKWARE's APPNOTE 6.3, sections 4.3.12 to 4.3.16) only what a bundle is written with: one part, no
comments. Python's own reader reads more, and with all that it loads takes longer than unpacking some shards.
"""

import collections
import struct

from shared.bundle import check_path
from shared.errors import ShoplaunchError

#: Some sixty thousand members, a hundred times what a large shop has. What claims more is not even read.
MAX_DIRECTORY_BYTES = 4 * 1024 * 1024
_STORED = 0
_ENCRYPTED = 0x1
#: What stands for a larger number: that is in the extra field of this kind, or in the larger record of the end.
_ELSEWHERE, _MOST_SHORT, _LARGE = 0xFFFFFFFF, 0xFFFF, 1
#: Signature, numbers of the parts, members here and in all, size and start of the directory, comment's length.
_END = struct.Struct("<4s4H2LH")
_LOCATOR = struct.Struct("<4sLQL")
_LOCATOR_MARK = b"PK\6\7"
_LARGE_END = struct.Struct("<4sQ2H2L4Q")
#: Signature, versions, flags, method, time, date, check sum, sizes, three lengths, part, two attributes, start.
_MEMBER = struct.Struct("<4s6H3L5H2L")
_EXTRA = struct.Struct("<2H")

#: `size` bytes lie, behind a header of their own, at `start` (both int).
Entry = collections.namedtuple("Entry", "name start size")


def directory(stream):
    """Return name -> Entry of the bundle open for reading as `stream` (binary, seekable).

    Raises ShoplaunchError `bundle_damaged` (no complete ZIP of plainly stored members that lie side by side, each
    name once), `unsafe_path`; OSError.
    """
    total = stream.seek(0, 2)
    count, size, start = _end(stream, total)
    if size > MAX_DIRECTORY_BYTES:
        raise ShoplaunchError("bundle_damaged", "the bundle claims a directory of {} bytes".format(size))
    entries = {}
    data, at = _read(stream, start, size), 0
    for _ in range(count):
        entry, at = _entry(data, at)
        if entry.start + entry.size > start:
            raise ShoplaunchError("bundle_damaged", "{} lies outside of the members".format(entry.name))
        if entry.name in entries:
            raise ShoplaunchError("bundle_damaged", "{} is there twice".format(entry.name))
        entries[entry.name] = entry
    if at != size:
        raise _no_zip()
    # What is packed once and listed a thousand times would be read a thousand times
    if sum(entry.size for entry in entries.values()) > total:
        raise ShoplaunchError("bundle_damaged", "the bundle's members lie over one another")
    return entries


def _end(stream, total):
    """Return (number of members, size of their directory, where it starts) of the ZIP of `total` bytes."""
    at = total - _END.size
    mark, part, first, here, count, size, start, comment = _END.unpack(_read(stream, at, _END.size))
    if mark != b"PK\5\6" or part or first or here != count or comment:
        raise _no_zip()
    locator = at - _LOCATOR.size
    if locator >= 0 and _read(stream, locator, 4) == _LOCATOR_MARK:
        small = count, size, start
        at, count, size, start = _large_end(stream, locator)
        if small != (min(count, _MOST_SHORT), min(size, _ELSEWHERE), min(start, _ELSEWHERE)):
            raise _no_zip()
    if start + size != at:
        raise _no_zip()
    return count, size, start


def _large_end(stream, locator):
    """Return (where the larger record of the end lies, and what it says as `_end` does), as is told at `locator`."""
    _, part, at, parts = _LOCATOR.unpack(_read(stream, locator, _LOCATOR.size))
    if part or parts > 1 or at + _LARGE_END.size != locator:
        raise _no_zip()
    mark, _, _, _, part, first, here, count, size, start = _LARGE_END.unpack(_read(stream, at, _LARGE_END.size))
    if mark != b"PK\6\6" or part or first or here != count:
        raise _no_zip()
    return at, count, size, start


def _entry(data, at):
    """Return (the Entry that `data` holds at `at`, where the next one does)."""
    if len(data) - at < _MEMBER.size:
        raise _no_zip()
    found = _MEMBER.unpack_from(data, at)
    mark, flags, method, packed, size, start = found[0], found[3], found[4], found[8], found[9], found[16]
    name_end = at + _MEMBER.size + found[10]
    extra_end = name_end + found[11]
    end = extra_end + found[12]
    if mark != b"PK\1\2" or end > len(data):
        raise _no_zip()
    raw = data[at + _MEMBER.size : name_end]
    check_path(raw)
    # Ours are; which other alphabet it would be is told in more ways than one
    name = raw.decode("ascii", "backslashreplace")
    numbers = _larger(data[name_end:extra_end], [size, packed, start])
    if method != _STORED or flags & _ENCRYPTED or numbers[0] != numbers[1]:
        raise ShoplaunchError("bundle_damaged", "{} is not stored plainly".format(name))
    return Entry(name, numbers[2], numbers[0]), end


def _larger(extra, numbers):
    """Return `numbers` with those replaced that had no room and stand in `extra`, in their order."""
    while _ELSEWHERE in numbers and len(extra) >= _EXTRA.size:
        kind, length = _EXTRA.unpack_from(extra)
        if kind == _LARGE and length >= 8 * numbers.count(_ELSEWHERE) and length + _EXTRA.size <= len(extra):
            larger = struct.iter_unpack("<Q", extra[_EXTRA.size : _EXTRA.size + length // 8 * 8])
            return [next(larger)[0] if number == _ELSEWHERE else number for number in numbers]
        extra = extra[_EXTRA.size + length :]
    if _ELSEWHERE in numbers:
        raise _no_zip()
    return numbers


def _read(stream, start, size):
    if start < 0:
        raise _no_zip()
    stream.seek(start)
    data = stream.read(size)
    if len(data) < size:
        raise _no_zip()
    return data


def _no_zip():
    return ShoplaunchError("bundle_damaged", "the bundle is not a complete ZIP file")
