"""Watches a loop from outside: when its thread has ended, hangs or only fails, the process ends and is restarted."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable

from controller.jobs.lifecycle.emergency_log import report

LOG = logging.getLogger(__name__)
#: Exit status of a process whose worker cannot go on; the service manager restarts it.
EXIT_CODE = 70
#: Between two checks. Checks are counted, not seconds: a process that was suspended for a while has missed none.
LOOK_SECONDS = 5.0
#: The loop may stand still for this many checks: longer than a locked state database makes it wait.
MOST_STILL = 36
#: The chores that run in parallel with the jobs may stand still for this many checks: longer than any mail takes.
MOST_STILL_CHORES = 180
#: Consecutive rounds that may fail, two in a second: longer than a machine lacks threads or memory for a moment.
MOST_FAILURES = 240


class Pulse:
    """Progress of a loop: how many rounds it has made, and how many of them failed in a row."""

    def __init__(self) -> None:
        self.rounds = 0
        self.failures = 0


class Stillness:
    """Counts the consecutive checks that found a pulse unchanged."""

    def __init__(self) -> None:
        self._seen = -1
        self._unchanged = 0

    def look(self, pulse: Pulse | None) -> int:
        """Return how many consecutive checks found the pulse unchanged; 0 without a pulse."""
        rounds = -1 if pulse is None else pulse.rounds
        self._unchanged = self._unchanged + 1 if pulse is not None and rounds == self._seen else 0
        self._seen = rounds
        return self._unchanged


class Watchdog:
    """Checks that `thread` still makes rounds; otherwise calls `end(why)`, which by default ends the process.

    `chores` returns the pulse of the chores that run in parallel with the jobs, None while there are none.
    """

    def __init__(
        self,
        thread: Callable[[], threading.Thread | None],
        pulse: Pulse,
        end: Callable[[str], None] | None = None,
        chores: Callable[[], Pulse | None] = lambda: None,
    ) -> None:
        self._thread = thread
        self._pulse = pulse
        self._end = end or end_process
        self._chores = chores
        self._loop_stillness, self._chores_stillness = Stillness(), Stillness()

    def look(self, stopping: threading.Event | None = None) -> None:
        """Check once; to be called every LOOK_SECONDS by a thread other than the one watched."""
        why = self._trouble()
        # After a request to stop, the loop is expected to end
        if why is not None and (stopping is None or not stopping.is_set()):
            self._end(why)

    def _trouble(self) -> str | None:
        thread = self._thread()
        if thread is None or not thread.is_alive():
            return "its thread has ended"
        if self._pulse.failures >= MOST_FAILURES:
            return f"it failed {self._pulse.failures} times in a row"
        still, chores = self._loop_stillness.look(self._pulse), self._chores_stillness.look(self._chores())
        if still >= MOST_STILL:
            return f"it has not moved for {round(still * LOOK_SECONDS)} seconds"
        if chores >= MOST_STILL_CHORES:
            return f"what belongs to no job has not moved for {round(chores * LOOK_SECONDS)} seconds"
        return None

    def watch(self, stopping: threading.Event) -> None:
        """Check until `stopping` is set; no failure here ends the watch."""
        while not stopping.wait(LOOK_SECONDS):
            try:
                self.look(stopping)
            except BaseException as problem:  # noqa: BLE001 - the watch survives every failure
                report("the watch over the worker failed", problem)


def end_process(why: str) -> None:
    """End this process at once: an orderly exit would wait for hanging threads."""
    report(f"the worker cannot go on: {why}; the process ends with code {EXIT_CODE} to be started again", None)
    os._exit(EXIT_CODE)
