"""The worker's thread for chores: work that belongs to no job, now and then, in parallel with the jobs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from controller.jobs.engine.monitoring.watchdog import Pulse
from controller.jobs.lifecycle.emergency_log import report

#: Between the beginnings of two rounds.
CHORES_SECONDS = 30.0
#: Work that belongs to no job. Its argument is a function that it calls at each progress.
Chores = Callable[[Callable[[], None]], None]


class ChoresThread:
    """Does `chores`, None for none, one round at a time; none begins where `is_left()`: another version works here."""

    def __init__(self, chores: Chores | None, is_left: Callable[[], bool]) -> None:
        self._chores, self._is_left = chores, is_left
        self.thread: threading.Thread | None = None
        self.pulse = Pulse()
        self._next_at = 0.0

    @property
    def are_given(self) -> bool:
        """Whether this worker has chores at all."""
        return self._chores is not None

    def begin(self) -> None:
        """Begin a round if it is time for one. Raises RuntimeError when the machine has no thread left."""
        if self._chores is None or self.under_way() is not None or time.monotonic() < self._next_at or self._is_left():
            return
        self._next_at = time.monotonic() + CHORES_SECONDS
        # A daemon: it keeps no process from ending
        self.thread = threading.Thread(target=self._do, args=(self._chores,), name="chores", daemon=True)
        self.thread.start()

    def under_way(self) -> Pulse | None:
        """Return the pulse of the round under way, None between two rounds."""
        return self.pulse if self.thread is not None and self.thread.is_alive() else None

    def _move(self) -> None:
        self.pulse.rounds += 1

    def _do(self, chores: Chores) -> None:
        try:
            chores(self._move)
        except BaseException as problem:  # noqa: BLE001 - they are tried again
            report("what belongs to no job could not be done", problem)
