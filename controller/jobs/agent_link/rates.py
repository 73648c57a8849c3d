"""Rate limits for the reports of a token: a burst, then so many a second; heartbeats have their own limit."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass

from shared.errors import ShoplaunchError

#: A report costs 1 for each begun unit of this many bytes.
UNIT_BYTES = 8 * 1024
HEARTBEAT = "heartbeat"
#: Tokens whose use one process remembers; those idle longest are forgotten first.
REMEMBERED = 10_000


@dataclass(frozen=True)
class Rate:
    """`at_once` units as a burst after idle time, `each_second` more from then on."""

    at_once: float
    each_second: float

    def spend(self, used_until: float | None, units: float, now: float) -> tuple[float, float]:
        """Return (what to remember, seconds to wait: 0 when the units may be used now).

        `used_until` is the value remembered last: the time from which the whole burst is available again. A value
        further ahead than possible was set by another clock and is ignored.
        """
        whole = self.at_once / self.each_second
        begin = now if used_until is None or used_until - now > whole else max(now, used_until)
        end = begin + units / self.each_second
        wait = end - now - whole
        return (end, 0.0) if wait <= 0 else (begin, wait)


#: An agent reports a stage within milliseconds, progress every three seconds, and after an hour without a network all
#: reports that waited. The largest final report costs 96.
REPORTS = Rate(at_once=240, each_second=2)
#: An agent sends one every thirty seconds.
HEARTBEATS = Rate(at_once=20, each_second=0.2)


def units(size: int) -> int:
    """Return the units a report of `size` bytes costs."""
    return max(1, math.ceil(size / UNIT_BYTES))


def rate_of(kind: object) -> Rate:
    """Return the rate limit for reports of this kind."""
    return HEARTBEATS if kind == HEARTBEAT else REPORTS


def too_fast(seconds: float) -> ShoplaunchError:
    """Return the error for a report that may be sent again after `seconds`."""
    message = "the token's reports come faster than any agent's work"
    return ShoplaunchError("events_too_fast", message, retry_after_seconds=max(1, math.ceil(seconds)))


class ReportLimiter:
    """The limits of this process: it refuses a flood before it reaches the database. Safe for several threads.

    Where several processes serve, the database enforces the limit (controller.jobs.agent_link.agent_events).
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
