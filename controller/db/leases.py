"""Queries on the leases of jobs: columns of their rows, which one owner at a time holds."""

from __future__ import annotations

from typing import Unpack

import sqlalchemy as sa

from controller.db.documents import JobColumns
from controller.db.jobs import Job, after
from controller.db.tables import jobs

_RELEASE = (
    sa.update(jobs)
    .where(
        jobs.c.id == sa.bindparam("same_id"),
        jobs.c.version == sa.bindparam("same_version"),
        jobs.c.lease_owner == sa.bindparam("same_owner"),
    )
    .values(lease_owner=None, lease_until=None, version=jobs.c.version + 1, wake_at=sa.bindparam("due"))
)
_RENEW = (
    sa.update(jobs)
    .where(jobs.c.id == sa.bindparam("same_id"), jobs.c.lease_owner == sa.bindparam("same_owner"))
    .values(lease_until=sa.bindparam("until"))
)
_HOLD = sa.update(jobs).where(jobs.c.id == sa.bindparam("same_id"))


def take(connection: sa.Connection, job_id: str, owner: str, now: float, until: float) -> bool:
    """Take the job's lease; return False when another owner holds it or there is no such job."""
    is_free = sa.or_(jobs.c.lease_until.is_(None), jobs.c.lease_until <= now)
    query = sa.update(jobs).where(jobs.c.id == job_id, is_free)
    values = {"lease_owner": owner, "lease_until": until, "version": jobs.c.version + 1}
    return connection.execute(query.values(**values)).rowcount == 1


def hold(connection: sa.Connection, job: Job, owner: str, until: float, **columns: Unpack[JobColumns]) -> Job:
    """Take the lease of the job, whose row is locked and free, and change columns; return it as it is now."""
    held: JobColumns = {"lease_owner": owner, "lease_until": until, "version": job.version + 1, **columns}
    connection.execute(_HOLD, {**held, "same_id": job.id})
    return after(job, held)


def renew(connection: sa.Connection, job_id: str, owner: str, until: float) -> bool:
    """Extend the lease; return False when `owner` no longer holds it.

    The row's version stays: what its holder knows of the job has not changed.
    """
    return connection.execute(_RENEW, {"same_id": job_id, "same_owner": owner, "until": until}).rowcount == 1


def shorten(connection: sa.Connection, job: Job, until: float, longest: float) -> None:
    """End the lease of a killed holder at `until`, if it is as in `job`, and over by `longest`: one that is longer was
    extended by a process which was about to end."""
    same = (jobs.c.id == job.id, jobs.c.lease_owner == job.lease_owner, jobs.c.lease_until == job.lease_until)
    connection.execute(
        sa.update(jobs)
        .where(*same, jobs.c.lease_until > until, jobs.c.lease_until <= longest)
        .values(lease_until=until)
    )


def free(connection: sa.Connection, job_id: str, owner: str, **columns: Unpack[JobColumns]) -> None:
    """Give back the lease that `owner` holds; the job is due as before, or as `columns` say."""
    query = sa.update(jobs).where(jobs.c.id == job_id, jobs.c.lease_owner == owner)
    connection.execute(query.values(lease_owner=None, lease_until=None, version=jobs.c.version + 1, **columns))


def put_off(connection: sa.Connection, job_id: str, until: float) -> None:
    """Let the job, whose row is locked and free, be due at `until`."""
    connection.execute(sa.update(jobs).where(jobs.c.id == job_id).values(wake_at=until, version=jobs.c.version + 1))


def release(connection: sa.Connection, job: Job, owner: str, now: float, wake_at: float | None) -> bool:
    """Give the lease back; the job is due at `wake_at`. If it changed since `job` was read, it is due at once: return
    True."""
    same = {"same_id": job.id, "same_version": job.version, "same_owner": owner, "due": wake_at}
    if connection.execute(_RELEASE, same).rowcount == 1:
        return False
    current = connection.execute(
        sa.select(jobs.c.version, jobs.c.state, jobs.c.wake_at, jobs.c.lease_owner)
        .where(jobs.c.id == job.id)
        .with_for_update()
    ).first()
    if current is None or current.lease_owner != owner:
        return False
    changed = bool(current.state != job.state or current.wake_at != job.wake_at)
    due = now if changed else wake_at
    free(connection, job.id, owner, wake_at=due)
    return changed
