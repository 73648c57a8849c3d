"""Reschedules jobs that were written while the database's clock was ahead: they would wait for that future time."""

from __future__ import annotations

import functools
import logging
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from controller.db import facts, jobs, steps
from controller.db.connection.clock import AHEAD_SECONDS
from controller.db.connection.engine import reading
from controller.db.documents import JobColumns
from controller.db.jobs import Job
from controller.db.shapes import DamagedRow, tell
from controller.jobs.lifecycle import changes, lease
from controller.telemetry.job_at_hand import working_on

LOG = logging.getLogger(__name__)
#: No job waits longer for its next check than for a certificate, or for the end of its validity.
LONGEST_WAIT_SECONDS = 61 * 86400.0
#: Facts of a job that are times in the past; those of its rollback and its certificate; such columns.
_PAST = ("alarmed_at", "blocked_at", "finished_at", "kept_at", "look_at", "looked_at", "seen_at")
_PAST_OF_UNDO, _PAST_OF_TLS = ("placed_at", "heard_at", "began_at", "lost_at"), ("asked_at", "since", "next")


def bring_back(engine: sa.Engine, now: float, job_hours: int) -> int:
    """Make every job due at once that was written by a clock ahead of `now`; return how many there were."""
    far = now + AHEAD_SECONDS
    latest = now + LONGEST_WAIT_SECONDS + 3600.0 * job_hours
    with reading(engine) as connection:
        found = jobs.ahead(connection, far, far + lease.LONGEST_SECONDS, latest)
    for job_id in found:
        try:
            job = changes.change(engine, job_id, now, functools.partial(_brought_back, now=now))
        except DamagedRow as problem:
            tell(problem)
            continue
        with working_on(job.id, job.server, job.attempt):
            LOG.warning("job %s was stored by a clock that was ahead; it is due now", job.id)
    return len(found)


def _brought_back(connection: sa.Connection, job: Job, now: float) -> JobColumns:
    far = now + AHEAD_SECONDS
    columns: JobColumns = {"updated_at": min(job.updated_at, now)}
    if job.heard_at is not None and job.heard_at > far:
        columns["heard_at"] = now
    if job.dropped_at is not None and job.dropped_at > far:
        columns["dropped_at"] = now
    if job.wake_at is not None and job.wake_at > far:
        columns["wake_at"] = now
    if job.lease_until is not None and job.lease_until > far + lease.LONGEST_SECONDS:
        # A living lease holder renews it before that
        columns["lease_until"] = now + lease.SECONDS
    steps.bring_back(connection, job.id, far, now)
    known = facts.of(job)
    undo = replace(known.undo, **_past(known.undo, _PAST_OF_UNDO, far, now))
    tls = replace(known.tls, **_past(known.tls, _PAST_OF_TLS, far, now))
    return {**columns, **facts.column(replace(known, undo=undo, tls=tls, **_past(known, _PAST, far, now)))}


def _past(record: object, names: tuple[str, ...], far: float, now: float) -> dict[str, Any]:
    """Return those of the times `names` that lie later than `far`, set to `now`."""
    return {name: now for name in names if (getattr(record, name) or 0.0) > far}
