"""What people were told about a job, kept in the job's facts the moment it is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from controller.billing.base import NotificationLog
from controller.db import jobs
from controller.db.connection.engine import reading, transact
from controller.db.jobs import Job
from controller.jobs.lifecycle import facts
from controller.jobs.lifecycle.facts import Facts
from controller.jobs.lifecycle.lease import Lease


class JobMemory(NotificationLog):
    """The memory of one job; every `put` is a transaction of its own."""

    def __init__(self, engine: sa.Engine, job_id: str, clock: Callable[[], float], lease: Lease | None = None) -> None:
        self._engine = engine
        self._job = job_id
        self._clock = clock
        self._lease = lease

    def get(self, name: str) -> Any:
        """See Memory.get."""
        with reading(self._engine) as connection:
            return known(jobs.get(connection, self._job)).get(name)

    def put(self, name: str, value: Any) -> None:
        """See Memory.put. Raises controller.jobs.lifecycle.lease.Lost when the job is another worker's by now."""

        def work(connection: sa.Connection) -> None:
            job = jobs.get(connection, self._job, lock=True)
            if self._lease is not None:
                self._lease.check(job)
            jobs.update(connection, job, self._clock(), **facts.column(remembered(facts.of(job), **{name: value})))

        transact(self._engine, work)


def known(job: Job) -> Mapping[str, Any]:
    """Return what the job remembers of the news."""
    return facts.of(job).billing


def remembered(found: Facts, **news: Any) -> Facts:
    """Return the facts with `news` remembered; None forgets."""
    merged = {**found.billing, **news}
    return replace(found, billing={name: value for name, value in merged.items() if value is not None})
