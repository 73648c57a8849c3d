"""The other workers of this machine: a worker hears from them, hints at them, and takes over from killed ones."""

from __future__ import annotations

import logging
import time

import sqlalchemy as sa

from controller.db.connection.clock import Clock
from controller.jobs.engine.killed_workers import KilledWorkers
from controller.jobs.lifecycle import due_hint
from controller.jobs.lifecycle.emergency_log import report
from controller.jobs.lifecycle.wakeup import Listener, Wakeup
from shared.errors import ShoplaunchError

LOG = logging.getLogger(__name__)
#: Between two checks for killed workers.
LOOK_SECONDS = 1.0


class LocalWorkers:
    """Those of the worker called `name`; without a `wakeup` it has none."""

    def __init__(self, name: str, wakeup: Wakeup | None, engine: sa.Engine, clock: Clock) -> None:
        self._name = name
        self._wakeup = wakeup
        self._killed = None if wakeup is None else KilledWorkers(engine, wakeup, clock)
        self._look_at = 0.0
        self._listener: Listener | None = None

    @property
    def are_there(self) -> bool:
        """Whether other workers listen, or have until they were killed."""
        return self._wakeup is not None and self._wakeup.has_others()

    def hint(self, server: str) -> None:
        """Let one worker, of them or this one, look at the server's jobs at once."""
        due_hint.notify(server) if self._wakeup is None else self._wakeup.hint(server)

    def notify(self) -> None:
        """Let all of them look at once."""
        if self._wakeup is not None:
            self._wakeup.notify_others()

    def listen(self) -> None:
        """Hear from them from now on; where that is impossible jobs are found by the next check."""
        if self._wakeup is None:
            return
        try:
            self._listener = self._wakeup.listen(self._name)
        except OSError as problem:
            LOG.warning("jobs of other processes are found by the next check: %s", problem)

    def close(self) -> None:
        """Hear from them no more."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def take_over(self) -> None:
        """Now and then: let everybody have what killed ones held."""
        if self._killed is None or time.monotonic() < self._look_at:
            return
        self._look_at = time.monotonic() + LOOK_SECONDS
        try:
            self._killed.take_over()
        except ShoplaunchError as error:
            LOG.warning("what killed workers held is free when its leases are over: %s", error.message)
        except BaseException as problem:  # noqa: BLE001 - their leases end by themselves
            report("what killed workers held could not be taken over", problem)
