"""Removes what a start of the agent left in the account of a job that failed or stalled: bounded, and only logged."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace

import sqlalchemy as sa

from controller.db import facts, steps
from controller.db.documents import JobColumns
from controller.db.facts import Facts
from controller.db.jobs import Job
from controller.db.steps import StepRow
from controller.jobs.agent_link import ring
from controller.jobs.lifecycle import changes, lease, states
from controller.jobs.lifecycle.step_context import Tools, Work

LOG = logging.getLogger(__name__)
#: The panel is asked so often: after a minute, and after twice as long each time.
MOST_TRIES = 8
AGAIN_SECONDS = 60.0


def due_at(job: Job, rows: Mapping[str, StepRow]) -> float | None:
    """Return when the panel is to remove what may be left, None where nothing is, or it was asked often enough."""
    known = facts.of(job)
    if job.state not in (states.FAILED, states.STALLED) or known.account is None or known.start_left >= MOST_TRIES:
        return None
    is_started = known.start is not None and known.start.way
    return None if is_started or not _may_be_placed(known, rows["drop"]) else known.start_left_at


def _may_be_placed(known: Facts, drop: StepRow) -> bool:
    """Return whether files for a start were placed; a failed step `drop` may have placed them, and notes nothing."""
    if known.start_prepared is None:
        return bool(drop.attempts) and drop.state not in steps.OVER
    return known.start_prepared == ""


def remove(tools: Tools, job: Job) -> None:
    """Remove it once; a panel that cannot is asked again later. Raises database_busy, lease.Lost."""
    is_over = True
    try:
        ring.end(Work(job, {}, tools), again=True)
    except lease.Lost:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, the job has nothing to do with it
        LOG.warning("job %s: its starter may stay for now: %s", job.id, error)
        is_over = False

    def work(_connection: sa.Connection, now_job: Job) -> JobColumns:
        known = facts.of(now_job)
        if (now_job.state, now_job.attempt, known.start_left) != (job.state, job.attempt, facts.of(job).start_left):
            return {}
        return facts.column(_ended(known) if is_over else _put_off(known, tools.clock()))

    changes.change(tools.engine, job.id, tools.clock(), work, tools.lease)


def _ended(known: Facts) -> Facts:
    prepared = ring.TAKEN_AWAY if known.start_prepared == "" else known.start_prepared
    return replace(known, start_prepared=prepared, start_left=MOST_TRIES, start_left_at=0.0)


def _put_off(known: Facts, now: float) -> Facts:
    at = now + AGAIN_SECONDS * 2**known.start_left
    return replace(known, start_left=known.start_left + 1, start_left_at=at)
