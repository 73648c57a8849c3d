"""Tells what a compressed member does not hold, in memory that does not grow with it."""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator

#: (core, form) of what is searched for: a spelling, and what has to be there for it to be there, maybe itself.
Wanted = tuple[bytes, bytes]
#: What is decompressed and looked through at once.
_WINDOW_BYTES = 1024 * 1024


def absent_from(packed: Iterable[bytes], wanted: Iterable[Wanted]) -> frozenset[bytes]:
    """Return byte strings that a gzip stream does not hold: of each (core, form) one, unless the form is there.

    `packed` is the stream in pieces; all of them are taken.
    """
    pairs = list(wanted)
    sought: dict[bytes, set[bytes]] = defaultdict(set)
    for core, form in pairs:
        sought[core].add(form)
    present: set[bytes] = set()
    for window in _windows(packed, max((len(form) for _, form in pairs), default=1)):
        for core in [core for core in sought if core in window]:
            present.add(core)
            present.update(form for form in sought[core] if form in window)
    return frozenset(form if core in present else core for core, form in pairs if form not in present)


def is_ruled_out(wanted: Iterable[Wanted], absent: frozenset[bytes]) -> bool:
    """Tell whether none of `wanted` can be where none of `absent` is: what holds no part of a form does not hold it."""
    return all(core in absent or form in absent or any(part in form for part in absent) for core, form in wanted)


def _windows(packed: Iterable[bytes], longest: int) -> Iterator[bytes]:
    """Yield what a gzip stream holds in pieces; whatever is no longer than `longest` is in one of them as a whole."""
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
