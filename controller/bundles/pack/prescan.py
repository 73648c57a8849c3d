"""Searches members in the spool while others are still made, and keeps by digest what each does not hold."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from controller.bundles.pack.file_task import PART
from controller.bundles.pack.writer import BundleWriter
from controller.bundles.residue.exclusion import Wanted, absent_from, is_ruled_out
from controller.bundles.residue.search import Searcher

_READ_BYTES = 256 * 1024


class Prescan:
    """Searches the shards and chunks in the spool of `bundle` with `searcher`, one after the other."""

    def __init__(self, bundle: BundleWriter, searcher: Searcher) -> None:
        self._bundle = bundle
        self._searcher = searcher
        self._searched: set[Path] = set()
        self._absent: dict[str, frozenset[bytes]] = {}

    def look(self) -> bool:
        """Search one member that was not searched yet; return whether there was one."""
        for path, thorough in self._waiting():
            if path not in self._searched:
                self._searched.add(path)
                digest = hashlib.sha256()
                absent = absent_from(_read(path, digest), self._searcher.wanted(thorough))
                self._absent[digest.hexdigest()] = absent
                return True
        return False

    def misses(self, sha256: str, wanted: Iterable[Wanted]) -> bool:
        """Return whether the member with this digest is known to hold none of `wanted`, as in the search or not."""
        absent = self._absent.get(sha256)
        return absent is not None and is_ruled_out(wanted, absent)

    def _waiting(self) -> Iterator[tuple[Path, bool]]:
        for member in self._bundle.members:
            if member.kind == "data":
                yield member.path, True
        for path in self._bundle.arrived(PART):
            yield path, False


def _read(path: Path, digest: hashlib._Hash) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while piece := stream.read(_READ_BYTES):
            digest.update(piece)
            yield piece
