"""Determines which texts a compressed member does not hold, in memory that does not grow with it."""

from __future__ import annotations

import re
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator

#: (core, form) to search for: a spelling, and the part without which it cannot occur, maybe the spelling itself.
Wanted = tuple[bytes, bytes]
#: Bytes to decompress and search at once.
_WINDOW_BYTES = 256 * 1024
#: Half of the spellings are in hexadecimal, and few texts have runs of its digits as long as the shorter of these.
_HEXADECIMAL = re.compile(rb"[0-9A-Fa-f]{24,}")
_DIGITS = bytes(ord("h") if chr(one) in "0123456789ABCDEFabcdef" else 0 for one in range(256))


def absent_from(packed: Iterable[bytes], wanted: Iterable[Wanted]) -> frozenset[bytes]:
    """Return byte strings that a gzip stream does not hold: one of each (core, form), unless the form occurs.

    `packed` is the stream in pieces; all of them are consumed.
    """
    pairs = list(wanted)
    sought: dict[bytes, set[bytes]] = defaultdict(set)
    for core, form in pairs:
        sought[core].add(form)
    present: set[bytes] = set()
    coded = [core for core in sought if _HEXADECIMAL.fullmatch(core)]
    others = [core for core in sought if not _HEXADECIMAL.fullmatch(core)]
    shortest = min(map(len, coded), default=0)
    for window in _windows(packed, max((len(form) for _, form in pairs), default=1)):
        digits = _runs_of_digits(window, shortest) if coded else b""
        for core in [*(core for core in others if core in window), *(core for core in coded if core in digits)]:
            present.add(core)
            present.update(form for form in sought[core] if form in window)
    return frozenset(form if core in present else core for core, form in pairs if form not in present)


def _runs_of_digits(data: bytes, shortest: int) -> bytes:
    """Return the hexadecimal digits of `data` that stand in runs of `shortest` or more, one run per line."""
    marked, run = data.translate(_DIGITS), b"h" * shortest
    rows, at = [], marked.find(run)
    while at >= 0:
        end = marked.find(b"\0", at)
        end = len(data) if end < 0 else end
        rows.append(data[at:end])
        at = marked.find(run, end)
    return b"\n".join(rows)


def is_ruled_out(wanted: Iterable[Wanted], absent: frozenset[bytes]) -> bool:
    """Return whether none of `wanted` can occur where none of `absent` does: without a part of a form no form."""
    return all(core in absent or form in absent or any(part in form for part in absent) for core, form in wanted)


def _windows(packed: Iterable[bytes], longest: int) -> Iterator[bytes]:
    """Yield a gzip stream's content in pieces; each text of at most `longest` bytes lies within one of them."""
    inflate = zlib.decompressobj(zlib.MAX_WBITS | 16)
    before = b""
    for fed in packed:
        while fed:
            window = before + inflate.decompress(fed, _WINDOW_BYTES)
            fed = inflate.unconsumed_tail
            yield window
            before = window[-longest:]
    yield before + inflate.flush()
    assert inflate.eof and not inflate.unused_data, "a member is one gzip stream"
