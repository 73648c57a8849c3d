"""Places in a text that do not meet, however many they are."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable


class Places:
    """Places (start, end) of a text that were taken, each apart from the others."""

    def __init__(self, taken: Iterable[tuple[int, int]] = ()) -> None:
        known = sorted(taken)
        self._starts = [start for start, _ in known]
        self._ends = [end for _, end in known]

    def meet(self, start: int, end: int) -> bool:
        """Return whether a taken place meets this one."""
        place = bisect_left(self._starts, end)
        return place > 0 and start < self._ends[place - 1]

    def take(self, start: int, end: int) -> bool:
        """Take a place that meets no other; return whether it was free."""
        if self.meet(start, end):
            return False
        place = bisect_left(self._starts, start)
        self._starts.insert(place, start)
        self._ends.insert(place, end)
        return True
