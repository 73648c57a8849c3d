"""Watching a loop from outside: a thread that ended, hangs or only fails ends the process, which is started again."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable

from controller.jobs.lifecycle.emergency_log import report

LOG = logging.getLogger(__name__)
#: How a process ends whose worker cannot go on: the service manager starts it again.
EXIT_CODE = 70
#: Between two looks. Looks are counted, not seconds: a process that was stopped and goes on has missed none.
LOOK_SECONDS = 5.0
#: So many looks may find the loop where it was: longer than a locked state database makes it wait.
MOST_STILL = 36
#: So many looks may find what the loop does beside its jobs where it was: longer than any mail takes.
MOST_STILL_BESIDE = 180
#: So many rounds in a row may fail, two in a second: longer than a machine lacks threads or memory for a moment.
MOST_FAILURES = 240


class Pulse:
    """What a loop shows of itself: how many rounds it has made, and how many of them failed one after the other."""

    def __init__(self) -> None:
        self.rounds = 0
        self.failures = 0


class Stillness:
    """Counts the looks that found a pulse where it was."""

    def __init__(self) -> None:
        self._seen = -1
        self._looks = 0

    def look(self, pulse: Pulse | None) -> int:
        """Return how many looks in a row found the pulse where it is; none without a pulse."""
        rounds = -1 if pulse is None else pulse.rounds
        self._looks = self._looks + 1 if pulse is not None and rounds == self._seen else 0
        self._seen = rounds
        return self._looks


class Watchdog:
    """Looks whether `thread` still makes rounds; else calls `end(why)`, which by default ends the process.

    `beside` returns the pulse of what the loop has begun beside its jobs, None while there is nothing under way.
    """

    def __init__(
        self,
        thread: Callable[[], threading.Thread | None],
        pulse: Pulse,
        end: Callable[[str], None] | None = None,
        beside: Callable[[], Pulse | None] = lambda: None,
    ) -> None:
        self._thread = thread
        self._pulse = pulse
        self._end = end or end_process
        self._beside = beside
        self._loop_stillness, self._beside_stillness = Stillness(), Stillness()

    def look(self, stopping: threading.Event | None = None) -> None:
        """Look once; to be called every LOOK_SECONDS by another thread than the one watched."""
        why = self._trouble()
        # Asked to stop meanwhile, it is right that the loop has ended
        if why is not None and (stopping is None or not stopping.is_set()):
            self._end(why)

    def _trouble(self) -> str | None:
        thread = self._thread()
        if thread is None or not thread.is_alive():
            return "its thread has ended"
        if self._pulse.failures >= MOST_FAILURES:
            return f"it failed {self._pulse.failures} times in a row"
        still, beside = self._loop_stillness.look(self._pulse), self._beside_stillness.look(self._beside())
        if still >= MOST_STILL:
            return f"it has not moved for {round(still * LOOK_SECONDS)} seconds"
        if beside >= MOST_STILL_BESIDE:
            return f"what belongs to no job has not moved for {round(beside * LOOK_SECONDS)} seconds"
        return None

    def watch(self, stopping: threading.Event) -> None:
        """Look until `stopping` is set; nothing that happens here ends the watch."""
        while not stopping.wait(LOOK_SECONDS):
            try:
                self.look(stopping)
            except BaseException as problem:  # noqa: BLE001 - the watch outlives whatever it meets
                report("the watch over the worker failed", problem)


def end_process(why: str) -> None:
    """End this process at once: hanging threads would keep it from ending in order."""
    report(f"the worker cannot go on: {why}; the process ends with code {EXIT_CODE} to be started again", None)
    os._exit(EXIT_CODE)
