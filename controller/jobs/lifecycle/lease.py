"""A job's lease: its holder works on the job, renews it meanwhile, and loses it by dying."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Unpack

import sqlalchemy as sa

from controller import measures
from controller.db import jobs, leases
from controller.db.connection.clock import Clock, Moment, at
from controller.db.connection.engine import reading, transact
from controller.db.documents import JobColumns
from controller.db.jobs import Job
from controller.jobs.lifecycle.emergency_log import report
from controller.telemetry.job_at_hand import as_here
from shared.errors import ShoplaunchError

LOG = logging.getLogger(__name__)
#: A killed worker's jobs are at work again after this time. A renewal may take two thirds of it: while the database
#: answers nobody, nobody's lease runs out (controller.db.connection.clock).
SECONDS = 30.0
#: Renewals per lease time.
RENEWALS = 4
#: Pause before the next try to extend it, when the last one failed or this process is about to end.
HURRIED_SECONDS = 1.0
#: How long a panel or a mail server may be busy, where the step sets no longer time.
LONGEST_SECONDS = 660.0


def counted() -> float:
    """Return seconds of a steady counter that includes time in which the process or the machine stood still."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Lost(Exception):
    """Another worker holds the job by now: write nothing that belongs to it, and notify nobody."""


class Lease:
    """One period of holding a job; `owner` names this period alone, so that a later one is not taken for it.

    `longest` is how long calls under way may go on elsewhere after this process is killed.
    """

    def __init__(self, engine: sa.Engine, job_id: str, worker: str, clock: Clock) -> None:
        self.job = job_id
        self.owner = f"{worker}:{secrets.token_hex(4)}"
        self.longest = LONGEST_SECONDS
        self.is_lost = False
        self._engine = engine
        self._clock = clock
        self._renewed_at = float("-inf")
        self._guard = threading.Lock()
        #: Steps side by side note their facts one after the other: each then knows what the others have changed.
        self.noting = threading.Lock()
        self._latest: Job | None = None
        self._is_last = False
        self._is_over = False
        self._renew_now = threading.Event()
        self._renewed_long = threading.Event()

    @property
    def seconds(self) -> float:
        """For how long the lease is taken and renewed."""
        return max(SECONDS, self.longest) if self._is_last else SECONDS

    def check(self, job: Job) -> None:
        """Raise Lost when another worker holds `job`, read with its lock, by now; other jobs are ignored."""
        if job.id == self.job and (self.is_lost or job.lease_owner != self.owner):
            if not self.is_lost:
                measures.LEASES_LOST.inc()
            self.is_lost = True
            raise Lost(f"job {self.job} is another worker's by now")

    @property
    def latest(self) -> Job | None:
        """The job as this holder changed or read it last."""
        return self._latest

    def noted(self, job: Job) -> None:
        """The holder knows the job, and its steps as they are as of that."""
        with self._guard:
            self._latest = job

    def left_steps_alone(self, before: Job, after: Job) -> None:
        """The holder has changed its job from `before` to `after`, and no step."""
        with self._guard:
            if self._latest is not None and self._latest.version == before.version:
                self._latest = after

    def knows_steps(self, job: Job) -> bool:
        """Return whether the steps are what the holder knows: a change of one is a change of the job's version."""
        return self._latest is not None and self._latest.version == job.version

    def require(self) -> None:
        """Raise Lost unless the job is still held; for actions that cannot be undone. Raises database_busy."""
        with reading(self._engine) as connection:
            self.check(jobs.get(connection, self.job))

    def require_current(self) -> None:
        """As `require`, but without a query while it was renewed in time: what kept this process may have kept the
        renewals, and for long enough that another worker has the job."""
        if self.is_lost or counted() - self._renewed_at >= SECONDS:
            self.require()

    def outlive(self) -> None:
        """This process is about to end: hold the job as long as calls under way may go on without it."""
        self._is_last = True
        self._renew_now.set()

    def is_long(self, seconds: float) -> bool:
        """Wait at most `seconds` until the lease is as long as `outlive` demands; return whether it is."""
        return self._renewed_long.wait(seconds)

    def take(self) -> bool:
        """Take the lease; return False when another worker holds it or there is no such job. Raises database_busy."""
        self._renewed_at = counted()

        def work(connection: sa.Connection) -> bool:
            now = at(self._clock, connection)
            return leases.take(connection, self.job, self.owner, now.leases, now.now + self.seconds)

        return transact(self._engine, work)

    def hold(self, connection: sa.Connection, job: Job, moment: Moment, **columns: Unpack[JobColumns]) -> Job:
        """As `take`, within a transaction that has locked the free `job`, and change columns; return it."""
        self._renewed_at = counted()
        held = leases.hold(connection, job, self.owner, moment.now + self.seconds, **columns)
        self.noted(held)
        return held

    def free(self) -> None:
        """Give the lease back; the job is due as before. Raises database_busy."""
        transact(self._engine, lambda connection: leases.free(connection, self.job, self.owner))

    def end(self) -> None:
        """Stop renewing the lease."""
        self._is_over = True
        self._renew_now.set()

    def keep(self) -> None:
        """Renew the lease until `end`, or until it is lost."""
        has_failed = False
        while not self.is_lost:
            hurries = has_failed or (self._is_last and not self._renewed_long.is_set())
            self._renew_now.wait(HURRIED_SECONDS if hurries else SECONDS / RENEWALS)
            self._renew_now.clear()
            if self._is_over:
                return
            has_failed = True
            try:
                self._renew()
                has_failed = False
            except ShoplaunchError as error:
                # The next renewal may succeed; until the lease runs out it is held
                LOG.warning("job %s: lease not renewed: %s", self.job, error.message)
            except BaseException as problem:  # noqa: BLE001 - without renewals two would work on the job
                report(f"job {self.job}: lease not renewed", problem)

    def _renew(self) -> None:
        is_last, began = self._is_last, counted()

        def work(connection: sa.Connection) -> bool:
            until = at(self._clock, connection).now + self.seconds
            return leases.renew(connection, self.job, self.owner, until)

        if transact(self._engine, work):
            self._renewed_at = began
            if is_last:
                self._renewed_long.set()
        elif not self._is_over:
            self.is_lost = True
            LOG.warning("job %s: the lease is lost; another worker has the job", self.job)


@contextmanager
def held(engine: sa.Engine, job_id: str, worker: str, clock: Clock) -> Iterator[Lease | None]:
    """Yield the job's lease while it is held, None when another worker holds it (then nothing may be done).

    The caller gives it back, as it knows when the job is due next. Raises RuntimeError as `kept` does.
    """
    lease = Lease(engine, job_id, worker, clock)
    if not lease.take():
        yield None
        return
    with kept(lease):
        yield lease


@contextmanager
def kept(lease: Lease) -> Iterator[Lease]:
    """Renew a lease that was taken while the block runs; the caller gives it back.

    Raises RuntimeError, with the lease given back, when there is no thread for its renewal.
    """
    renewer = threading.Thread(target=as_here(lease.keep), name="lease", daemon=True)
    try:
        renewer.start()
    except BaseException:
        lease.free()
        raise
    try:
        yield lease
    finally:
        lease.end()
        renewer.join()
