"""How many reports a token may send: so many at once, so many a second, heartbeats apart from everything else."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass

from shared.errors import ShoplaunchError

#: What one report costs: 1 for each of so many bytes that were begun.
UNIT_BYTES = 8 * 1024
HEARTBEAT = "heartbeat"
#: Tokens whose use is remembered by one process; the longest idle are forgotten first.
REMEMBERED = 10_000


@dataclass(frozen=True)
class Rate:
    """`at_once` units when nothing was used before, `each_second` more from then on."""

    at_once: float
    each_second: float

    def spend(self, used_until: float | None, units: float, now: float) -> tuple[float, float]:
        """Return (what to remember, seconds to wait: 0 when the units may be used now).

        `used_until` is what was remembered last: the moment at which everything may be used at once again. One further
        ahead than can be comes of another clock and does not count.
        """
        whole = self.at_once / self.each_second
        begin = now if used_until is None or used_until - now > whole else max(now, used_until)
        end = begin + units / self.each_second
        wait = end - now - whole
        return (end, 0.0) if wait <= 0 else (begin, wait)


#: An agent reports a stage within milliseconds, progress every three seconds, and after an hour without a network all
#: that waited. The largest final report costs 96.
REPORTS = Rate(at_once=240, each_second=2)
#: One every thirty seconds.
HEARTBEATS = Rate(at_once=20, each_second=0.2)


def units(size: int) -> int:
    """Return what a report of `size` bytes costs."""
    return max(1, math.ceil(size / UNIT_BYTES))


def rate_of(kind: object) -> Rate:
    """Return the rate of reports of this kind."""
    return HEARTBEATS if kind == HEARTBEAT else REPORTS


def too_fast(seconds: float) -> ShoplaunchError:
    """Return the refusal of a report that may come in `seconds`."""
    message = "the token's reports come faster than any agent's work"
    return ShoplaunchError("events_too_fast", message, retry_after_seconds=max(1, math.ceil(seconds)))


class ReportLimiter:
    """What this process lets through: a flood is refused before it reaches the database. Safe for several threads.

    Where several processes serve, the database holds the bound (controller.jobs.agent_link.agent_events).
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._guard = threading.Lock()
        self._used: dict[tuple[str, int, Rate], float] = {}

    def spend(self, job: str, attempt: int, kind: object, size: int) -> None:
        """Count a report of `size` bytes. Raises ShoplaunchError `events_too_fast`."""
        rate = rate_of(kind)
        key = (job, attempt, rate)
        with self._guard:
            self._used[key], wait = rate.spend(self._used.pop(key, None), units(size), self._clock())
            if len(self._used) > REMEMBERED:
                del self._used[next(iter(self._used))]
        if wait:
            raise too_fast(wait)
