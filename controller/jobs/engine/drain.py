"""Drains a server, as every engine does: moves its due jobs one after the other, within one of its slots."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import sqlalchemy as sa

from controller.db import due
from controller.db.connection.clock import Clock, Moment, about, at
from controller.db.connection.engine import reading, transact
from controller.db.due import Candidate
from controller.jobs.engine import visiting
from controller.jobs.engine.capacity.thread_shares import FOR_ORDERS, FOR_VISITS, HANGING, slot_for
from controller.jobs.engine.claims import Claimed, Rest, RestsWhen
from controller.jobs.engine.job_runner import JobRunner
from controller.jobs.engine.port import Engine, Slot
from controller.jobs.lifecycle import due_hint, states
from controller.jobs.lifecycle.emergency_log import report
from controller.panels.calls_under_way import CALLS
from controller.telemetry.job_at_hand import working_on

#: A slot is given back after this time, so that others get their turn; a job under way is moved to its end.
SECONDS = 10.0
#: As many due jobs are looked at for one that nobody else claims just now.
CANDIDATES = 8
#: A due job whose row is locked, mostly by a report of its agent, is tried again in the same transaction so soon, and
#: for so long: no other worker comes first once the row is written, such as the one that this report hints at.
PAUSE_SECONDS, WAIT_SECONDS = 0.004, 0.04
#: After that it is looked for again after this time, so often.
WRITTEN_SECONDS, WRITTEN_TRIES = 0.05, 3
#: Nobody waits longer for another drain of this process to claim: the database may hold that one up.
TURN_SECONDS = 1.0


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
        self._turns: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def __call__(
        self,
        server: str,
        is_stopping: Callable[[], bool] = _never,
        looked: Callable[[], None] = _nothing,
        *,
        orders: bool = True,
    ) -> int:
        """Move the server's due jobs, finished shops first, then the longest due; return how many were moved. Without
        `orders` finished shops alone are moved.

        Without a free slot, or when nothing is due, nothing is done: a hint for an unknown server is harmless. `looked`
        is called once the first job is claimed, or none. Raises database_busy, database_full, database_unwritable.
        """
        moved, end, rest, tries = 0, time.monotonic() + SECONDS, None, WRITTEN_TRIES
        with self._engine.slot(server) as slot:
            while not is_stopping():
                try:
                    claimed, passed = self._claim(server, slot, rest, orders)
                finally:
                    looked()
                if claimed is None and passed and tries > 0:
                    rest, tries = None, tries - 1
                    continue
                if claimed is None:
                    return moved
                rest = self._move(claimed, self._rests_when(claimed, server, slot, is_stopping))
                if rest is None:
                    break
                moved += 1
                if time.monotonic() >= end or not slot.is_held:
                    break
            is_due = self._leave(server, slot, rest, orders)
        if is_due:
            # Also a worker that stops: others go on from here
            self._engine.hint(server)
        return moved

    def _claim(self, server: str, slot: Slot, rest: Rest | None, orders: bool) -> tuple[Claimed | None, bool]:
        """Give back the job that rests, and claim the next due one, in the same transaction as the slot; return (None
        without either, whether due jobs were passed over because their rows were locked)."""

        def work(connection: sa.Connection) -> tuple[Claimed | None, Sequence[str], set[str], bool]:
            # Locked before the time is read: the lock may have to wait
            slot.lock(connection)
            moment = at(self._clock, connection)
            changed = rest is not None and self._runner.release(connection, rest, moment.now)
            claimed, passed = self._next(connection, server, slot, moment, orders)
            met, end = set(passed), time.monotonic() + WAIT_SECONDS
            while claimed is None and passed and due.skips_locked(connection) and time.monotonic() < end:
                time.sleep(PAUSE_SECONDS)
                claimed, passed = self._next(connection, server, slot, at(self._clock, connection), orders)
                # Also one that another worker has claimed by now
                met.update(passed)
            return claimed, passed, met, changed

        with self._turn(server):
            claimed, passed, met, changed = transact(self._database, work)
        slot.confirm()
        self.tally.claims += claimed is not None
        if changed:
            due_hint.notify(server)
        if claimed is not None:
            met.discard(claimed.lease.job)
        if met:
            self._await_written(met, WRITTEN_SECONDS if claimed is None and passed else 0.0)
        return claimed, bool(passed)

    def _await_written(self, met: Collection[str], seconds: float) -> None:
        """Wait until the rows of jobs may be written, by their agents' reports; count those that others hold then."""
        time.sleep(seconds)
        with reading(self._database) as connection:
            self.tally.missed += len(met) - due.free(connection, met, about(self._clock, connection))

    @contextmanager
    def _turn(self, server: str) -> Iterator[None]:
        """Drains of a server here claim in turn: at once, several would see the same job, and one of them get it."""
        turn = self._turns[server]
        is_mine = turn.acquire(timeout=TURN_SECONDS)
        try:
            yield
        finally:
            if is_mine:
                turn.release()

    def _next(
        self, connection: sa.Connection, server: str, slot: Slot, moment: Moment, orders: bool
    ) -> tuple[Claimed | None, Sequence[str]]:
        """Return (the next due job, claimed; the jobs that could not be); where none is due the slot is given back."""
        numbers, passed = slot.numbers(moment), list[str]()
        hanging = CALLS.hanging(server)
        for one in self._candidates(connection, server, moment, numbers, orders):
            number = slot_for(numbers, is_visit=one.is_visit, in_order=bool(hanging))
            if number is None or (number == FOR_VISITS and not one.is_visit and due.with_agents(connection, [server])):
                break
            claimed = self._runner.claim(connection, one.job, moment)
            if isinstance(claimed, Claimed):
                slot.take(connection, number, moment)
                return claimed, passed
            if claimed is None:
                passed.append(one.job)
        if not passed:
            slot.give_back(connection)
        return None, passed

    @staticmethod
    def _candidates(
        connection: sa.Connection, server: str, moment: Moment, numbers: Collection[int], orders: bool
    ) -> Sequence[Candidate]:
        """Return the due jobs that may be moved in one of the slots of these numbers, finished shops first."""
        which = due.ALL if orders else due.VISITS
        if set(numbers) <= {FOR_ORDERS}:
            # How long a visit or a look into an account takes is up to its owner: they never hold all slots
            which = due.ORDERS
            if not numbers or not orders:
                return ()
        # Accounts that hang leave the last slots to the others
        without = CALLS.hanging(server) if min(numbers) > HANGING else frozenset[str]()
        return due.candidates(connection, server, moment, CANDIDATES, which=which, without=without)

    def _rests_when(self, claimed: Claimed, server: str, slot: Slot, is_stopping: Callable[[], bool]) -> RestsWhen:
        """Return a function that says whether the job rests before its next step, so that a finished shop which waits
        has its slot."""
        # The slot that visits leave to orders is of no use to them
        is_asked = claimed.begun.job.state != states.FINISHING and slot.number != FOR_ORDERS
        makes_room = False

        def rests(connection: sa.Connection | None) -> bool:
            nonlocal makes_room
            if is_stopping() or not slot.is_held:
                return True
            if is_asked and not makes_room and connection is not None:
                makes_room = visiting.is_waiting(connection, server, about(self._clock, connection))
            return makes_room

        return rests

    def _leave(self, server: str, slot: Slot, rest: Rest | None, orders: bool) -> bool:
        """Give back the job that rests, and the slot; return whether another job is due. Raises database_busy."""

        def work(connection: sa.Connection) -> bool:
            moment = at(self._clock, connection)
            changed = rest is not None and self._runner.release(connection, rest, moment.now)
            slot.give_back(connection)
            which = due.ALL if orders else due.VISITS
            return changed or bool(due.candidates(connection, server, moment, 1, which=which))

        is_due = transact(self._database, work)
        slot.confirm()
        return is_due

    def _move(self, claimed: Claimed, rests: RestsWhen) -> Rest | None:
        """Move one job on; an unforeseen failure stops neither the worker nor other jobs: return None then."""
        job = claimed.begun.job
        # The thread that extends its lease counts as well
        with working_on(job.id, job.server, job.attempt):
            try:
                return self._runner.move(claimed, rests)
            except BaseException as problem:  # noqa: BLE001 - unhandled, it would end the thread
                report(f"job {claimed.lease.job} could not be moved on", problem)
                return None
