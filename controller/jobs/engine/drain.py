"""Drains a server, as every engine does: moves its due jobs one after the other, within one of its slots."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa

from controller.db import due
from controller.db.connection.clock import Clock, at
from controller.db.connection.engine import reading, transact
from controller.jobs.engine.job_runner import JobRunner
from controller.jobs.engine.port import Engine, Slot
from controller.jobs.lifecycle.emergency_log import report
from controller.jobs.lifecycle.lease import Lease
from shared.errors import ShoplaunchError

LOG = logging.getLogger(__name__)
#: A slot is given back after this time, so that others get their turn; a job under way is moved to its end.
SECONDS = 10.0
#: As many due jobs are looked at for one that nobody else claims just now.
CANDIDATES = 8


@dataclass
class Tally:
    """What this process has counted: jobs that it claimed, and due ones that another worker was faster to claim."""

    claims: int = 0
    missed: int = 0


def _never() -> bool:
    return False


def _nothing() -> None:
    """Report to nobody."""


class Drain:
    """Moves the due jobs of servers for `engine`, which gives slots and takes hints."""

    def __init__(self, database: sa.Engine, engine: Engine, runner: JobRunner, clock: Clock) -> None:
        self._database = database
        self._engine = engine
        self._runner = runner
        self._clock = clock
        self.tally = Tally()

    def __call__(
        self, server: str, is_stopping: Callable[[], bool] = _never, looked: Callable[[], None] = _nothing
    ) -> int:
        """Move the server's due jobs, finished shops first, then the longest due; return how many were moved.

        Without a free slot, or when nothing is due, nothing is done: a hint for an unknown server is harmless. `looked`
        is called once the first job is claimed, or none. Raises database_busy, database_full, database_unwritable.
        """
        moved, end = 0, time.monotonic() + SECONDS
        with self._engine.slot(server) as slot:
            while not is_stopping():
                try:
                    claimed = self._claim(server, slot)
                finally:
                    looked()
                if claimed is None:
                    return moved
                if not self._move(claimed, lambda: is_stopping() or not slot.is_held):
                    break
                moved += 1
                if time.monotonic() >= end or not slot.is_held:
                    break
        if not is_stopping() and self._is_due(server):
            self._engine.hint(server)
        return moved

    def _claim(self, server: str, slot: Slot) -> Lease | None:
        """Return the claimed lease of the next due job, in the same transaction as the slot; None without either."""

        def work(connection: sa.Connection) -> tuple[Lease | None, int]:
            moment = at(self._clock, connection)
            found = due.candidates(connection, server, moment, CANDIDATES)
            if found and not slot.take(connection, moment):
                return None, 0
            if found and slot.is_last:
                # How long a visit takes is up to the shop's owner: visits alone never hold all slots
                found = due.candidates(connection, server, moment, CANDIDATES, visits=False)
            if not found:
                slot.give_back(connection)
                return None, 0
            for missed, job_id in enumerate(found):
                lease = self._runner.lease_of(job_id)
                if lease.claim(connection, moment):
                    return lease, missed
            return None, len(found)

        claimed, missed = transact(self._database, work)
        self.tally.missed += missed
        slot.confirm()
        self.tally.claims += claimed is not None
        return claimed

    def _move(self, claimed: Lease, is_stopping: Callable[[], bool]) -> bool:
        """Move one job on; an unforeseen failure stops neither the worker nor other jobs: return False then."""
        try:
            self._runner.move(claimed, is_stopping)
        except BaseException as problem:  # noqa: BLE001 - unhandled, it would end the thread
            report(f"job {claimed.job} could not be moved on", problem)
            return False
        return True

    def _is_due(self, server: str) -> bool:
        try:
            with reading(self._database) as connection:
                return bool(due.candidates(connection, server, at(self._clock, connection), 1))
        except ShoplaunchError as error:
            LOG.warning("%s: %s", error.code, error.message)
            return False
