"""Lists and counts the entries of a tree that are not packed: by reason, with their size."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from controller.bundles.packing_report import LeftFiles

_EXAMPLES = 5
#: Listed paths per reason; a folder is one path.
_MOST_PATHS = 10_000


class LeftOut:
    """The entries that one walk of the tree at `root` left out; a folder counts with everything below it."""

    def __init__(self, root: bytes) -> None:
        self._root = root
        self._reasons: dict[str, tuple[list[int], list[str]]] = {}

    def add(self, reason: str, path: bytes) -> None:
        """Count an entry (path below the root) and everything below it."""
        (numbers, paths) = self._reasons.setdefault(reason, ([0, 0], []))
        for size in _sizes(os.path.join(self._root, path)):  # noqa: PTH118 - bytes paths
            numbers[0] += 1
            numbers[1] += size
        if len(paths) < _MOST_PATHS:
            paths.append(path.decode("utf-8", "backslashreplace"))

    def as_json(self) -> dict[str, LeftFiles]:
        """Return reason -> {"count", "bytes", "examples"}; folders do not count, unless they are empty."""
        return {
            reason: {"count": count, "bytes": size, "examples": paths[:_EXAMPLES]}
            for reason, ((count, size), paths) in sorted(self._reasons.items())
        }

    def paths(self) -> dict[str, list[str]]:
        """Return reason -> the files and folders, below the root; at most 10,000 for each."""
        return {reason: paths for reason, (_, paths) in sorted(self._reasons.items())}


def _sizes(path: bytes) -> Iterator[int]:
    """Yield the size of a file, or of each below a folder; unreadable entries are skipped."""
    try:
        found = os.lstat(path)
        if not stat.S_ISDIR(found.st_mode):
            yield found.st_size
            return
        with os.scandir(path) as scan:
            names = [entry.name for entry in scan]
    except OSError:
        return
    if not names:
        yield 0
    for name in names:
        yield from _sizes(os.path.join(path, name))  # noqa: PTH118 - bytes paths
