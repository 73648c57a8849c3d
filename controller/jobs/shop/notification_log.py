"""Log of what people were notified of about a job: stored in the job's facts at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import sqlalchemy as sa

from controller.billing.base import NotificationLog
from controller.db import facts, jobs
from controller.db.connection.engine import reading, transact
from controller.db.facts import Facts
from controller.db.jobs import Job
from controller.jobs.lifecycle.lease import Lease


class JobNotificationLog(NotificationLog):
    """The notification log of one job; every `put` is a transaction of its own."""

    def __init__(self, engine: sa.Engine, job_id: str, clock: Callable[[], float], lease: Lease | None = None) -> None:
        self._engine = engine
        self._job = job_id
        self._clock = clock
        self._lease = lease

    def get(self, name: str) -> object:
        """See NotificationLog.get."""
        with reading(self._engine) as connection:
            return known(jobs.get(connection, self._job)).get(name)

    def put(self, name: str, value: object) -> None:
        """See NotificationLog.put. Raises controller.jobs.lifecycle.lease.Lost when another worker holds the job."""

        def work(connection: sa.Connection) -> None:
            job = jobs.get(connection, self._job, lock=True)
            if self._lease is not None:
                self._lease.check(job)
            jobs.update(connection, job, self._clock(), **facts.column(remembered(facts.of(job), **{name: value})))

        transact(self._engine, work)


def known(job: Job) -> Mapping[str, object]:
    """Return the job's notification log."""
    return facts.of(job).billing


def remembered(found: Facts, **news: object) -> Facts:
    """Return the facts with `news` added to the log; None removes an entry."""
    merged = {**found.billing, **news}
    return replace(found, billing={name: value for name, value in merged.items() if value is not None})
