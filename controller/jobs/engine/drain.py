"""Drains a server, as every engine does: moves its due jobs one after the other, within one of its slots."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa

from controller.db import due
from controller.db.connection.clock import Clock, Moment, at
from controller.db.connection.engine import transact
from controller.jobs.engine.claims import Claimed, Rest
from controller.jobs.engine.job_runner import JobRunner
from controller.jobs.engine.port import Engine, Slot
from controller.jobs.lifecycle import due_hint
from controller.jobs.lifecycle.emergency_log import report
from controller.panels.calls_under_way import CALLS

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
        moved, end, rest = 0, time.monotonic() + SECONDS, None
        with self._engine.slot(server) as slot:
            while not is_stopping():
                try:
                    claimed = self._claim(server, slot, rest)
                finally:
                    looked()
                if claimed is None:
                    return moved
                rest = self._move(claimed, lambda: is_stopping() or not slot.is_held)
                if rest is None:
                    break
                moved += 1
                if time.monotonic() >= end or not slot.is_held:
                    break
            is_due = self._leave(server, slot, rest)
        if is_due and not is_stopping():
            self._engine.hint(server)
        return moved

    def _claim(self, server: str, slot: Slot, rest: Rest | None) -> Claimed | None:
        """Give back the job that rests, and claim the next due one, in the same transaction as the slot; return None
        without either."""

        def work(connection: sa.Connection) -> tuple[Claimed | None, int, bool]:
            moment = at(self._clock, connection)
            changed = rest is not None and self._runner.release(connection, rest, moment.now)
            return *self._next(connection, server, slot, moment), changed

        claimed, missed, changed = transact(self._database, work)
        self.tally.missed += missed
        slot.confirm()
        self.tally.claims += claimed is not None
        if changed:
            due_hint.notify()
        return claimed

    def _next(self, connection: sa.Connection, server: str, slot: Slot, moment: Moment) -> tuple[Claimed | None, int]:
        """Return (the next due job, claimed; how many claims missed); without one the slot is given back."""
        found = due.candidates(connection, server, moment, CANDIDATES)
        if found and not slot.take(connection, moment):
            return None, 0
        hanging = CALLS.hanging(server) if slot.is_spare else frozenset()
        if found and (slot.is_last or hanging):
            # How long a visit or a look into an account takes is up to its owner: they never hold all slots
            visits = not slot.is_last
            found = due.candidates(connection, server, moment, CANDIDATES, visits=visits, without=hanging)
        if not found:
            slot.give_back(connection)
            return None, 0
        for missed, one in enumerate(due.in_turn(found, slot.turn)):
            if (claimed := self._runner.claim(connection, one.job, moment)) is not None:
                return claimed, missed
        return None, len(found)

    def _leave(self, server: str, slot: Slot, rest: Rest | None) -> bool:
        """Give back the job that rests, and the slot; return whether another job is due. Raises database_busy."""

        def work(connection: sa.Connection) -> bool:
            moment = at(self._clock, connection)
            changed = rest is not None and self._runner.release(connection, rest, moment.now)
            slot.give_back(connection)
            return changed or bool(due.candidates(connection, server, moment, 1))

        is_due = transact(self._database, work)
        slot.confirm()
        return is_due

    def _move(self, claimed: Claimed, is_stopping: Callable[[], bool]) -> Rest | None:
        """Move one job on; an unforeseen failure stops neither the worker nor other jobs: return None then."""
        try:
            return self._runner.move(claimed, is_stopping)
        except BaseException as problem:  # noqa: BLE001 - unhandled, it would end the thread
            report(f"job {claimed.lease.job} could not be moved on", problem)
            return None
