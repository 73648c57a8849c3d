"""Estimates how long a shop under way still takes, from the last one made of its bundle on its server."""

from __future__ import annotations

import sqlalchemy as sa

from controller.db import facts
from controller.db.connection.engine import reading
from controller.db.jobs import Job
from controller.db.machines import starts
from controller.jobs.agent_judgement import starting
from controller.jobs.lifecycle import states
from shared.job import RESTORE

MOVING = (states.RECEIVED, states.PREPARING, states.DROPPED, states.RESTORING, states.FINISHING)


def note(connection: sa.Connection, job: Job, now: float) -> None:
    """Store how the agent of the job, which passes its checks now, was started, and how long the rest took."""
    found = starting.of(job)
    if found is None:
        return
    is_typical = job.kind == RESTORE and job.attempt == 1
    worked = max(0.0, now - job.created_at - (found.waited or 0.0)) if is_typical else None
    kept = {"job": job.id, "attempt": job.attempt, "server": job.server, "bundle": job.bundle, "way": found.way}
    starts.note(connection, {**kept, "reason": found.reason, "waited": found.waited, "worked": worked, "at": now})


def left(engine: sa.Engine, job: Job, now: float) -> float | None:
    """Return how many seconds the shop still takes, None where that is unknown, or that time is over."""
    if job.kind != RESTORE or job.state not in MOVING or job.attempt > 1 or job.error:
        return None
    with reading(engine) as connection:
        before = starts.last_took(connection, job.server, job.bundle)
    if before is None:
        return None
    found = job.created_at + before.worked + _waited(job, before, now) - now
    return found if found > 0 else None


def _waited(job: Job, before: starts.Took, now: float) -> float:
    """Return how long this job's agent took or will take to start, as far as known; else the time of the job before."""
    found, expected = starting.of(job), starting.expected_in(job, now)
    if found is not None:
        return found.waited or 0.0
    asked = facts.of(job).start
    if expected is None or asked is None or asked.at is None:
        return before.waited
    return max(0.0, now - asked.at) + expected
