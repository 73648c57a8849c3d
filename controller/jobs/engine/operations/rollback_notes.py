"""What a cancelled job notes of its rollback: done, done in part, or to be tried again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import sqlalchemy as sa

from controller.db import facts, steps
from controller.db.documents import JobColumns
from controller.db.jobs import Job
from controller.jobs.engine.operations import cancellation, interventions
from controller.jobs.lifecycle import changes, plan, states
from controller.jobs.lifecycle.panel_access import panel_lockout
from shared.errors import ShoplaunchError

if TYPE_CHECKING:
    from shared.documents import Error


def not_undone(connection: sa.Connection, job: Job, error: Error, now: float, wake_at: float) -> JobColumns:
    """Return the columns of a job that could not be taken back now, and is tried again at `wake_at`."""
    columns: JobColumns = {"error": error, "wake_at": wake_at}
    if error["code"] == panel_lockout.CODE:
        columns |= panel_lockout.noted(connection, job, error, now)
    known = facts.of(job)
    if known.undo.began_at is None:
        # Jobs cancelled before this time was noted are waited for from now on
        columns |= facts.column(replace(known, undo=replace(known.undo, began_at=now)))
    return columns


def undone(connection: sa.Connection, job: Job, done: cancellation.Progress, now: float) -> JobColumns:
    """Return the columns of a job of which `done` was taken back: all of it, or a part."""
    if job.state != states.CANCELLED:
        return {}
    known = done.learned(facts.of(job))
    columns = facts.column(known)
    if known.undo.state != facts.UNDO_DONE:
        # Include what was noted meanwhile
        due_at = cancellation.wake_at(job, known, now) if done.due_at is None else done.due_at
        return columns | {"error": None, "wake_at": due_at}
    # The text names files of the account
    error: Error | None = None
    if done.kept:
        error = changes.as_document(ShoplaunchError("cancelled_kept", done.kept))
    if plan.rows(connection, job)["agent"].state == steps.DONE:
        error = ShoplaunchError("cancelled_late", "the shop was complete before").as_dict()
    # The server refused calls; it accepts them again
    return columns | interventions.released() | {"error": error, "alarm": "", "wake_at": None}
