"""Looks through members that wait in the spool while others are still made: what is not in them is known by digest."""

from __future__ import annotations

import hashlib
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from controller.bundles.filework import PART
from controller.bundles.residue import Searcher, Wanted
from controller.bundles.writer import BundleWriter

#: What is read at once, and what of it is decompressed and looked through at once.
_READ_BYTES = 256 * 1024
_WINDOW_BYTES = 1024 * 1024


class Ahead:
    """Looks through shards and chunks in the spool of `bundle` for what `searcher` finds, one after the other."""

    def __init__(self, bundle: BundleWriter, searcher: Searcher) -> None:
        self._bundle = bundle
        self._searcher = searcher
        self._looked_at: set[Path] = set()
        self._absent: dict[str, frozenset[bytes]] = {}

    def look(self) -> bool:
        """Look through one member that was not looked through yet; tell whether there was one."""
        for path, thorough in self._waiting():
            if path not in self._looked_at:
                self._looked_at.add(path)
                digest = hashlib.sha256()
                absent = absent_from(_read(path, digest), self._searcher.wanted(thorough))
                self._absent[digest.hexdigest()] = absent
                return True
        return False

    def misses(self, sha256: str, wanted: Iterable[Wanted]) -> bool:
        """Tell whether the member with this digest is known to hold none of `wanted`, which may be other needles now.

        What holds no part of a spelling does not hold the spelling.
        """
        absent = self._absent.get(sha256)
        if absent is None:
            return False
        return all(core in absent or form in absent or any(part in form for part in absent) for core, form in wanted)

    def _waiting(self) -> Iterator[tuple[Path, bool]]:
        for member in self._bundle.members:
            if member.kind == "data":
                yield member.path, True
        for path in self._bundle.arrived(PART):
            yield path, False


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


def _read(path: Path, digest: hashlib._Hash) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while piece := stream.read(_READ_BYTES):
            digest.update(piece)
            yield piece
