"""Changes jobs: always on the locked row, and along the transition table."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import sqlalchemy as sa

from controller.db import facts, jobs, steps
from controller.db.connection.engine import transact
from controller.db.documents import JobColumns
from controller.db.identities.access import Note
from controller.db.jobs import Job
from controller.jobs.lifecycle import plan, states
from controller.jobs.lifecycle.lease import Lease
from controller.jobs.record import sanitize
from shared.errors import ShoplaunchError

if TYPE_CHECKING:
    from shared.documents import Error


def change(
    engine: sa.Engine,
    job_id: str,
    now: float,
    work: Callable[[sa.Connection, Job], JobColumns],
    lease: Lease | None = None,
    note: Note | None = None,
) -> Job:
    """Write the columns that `work(connection, job)` returns; return the job after that. {} writes nothing.

    `note` is written with them. With `lease` they are written only while it is held: raises lease.Lost. Raises what
    `work` raises (nothing is written then), job_unknown, database_busy.
    """

    def within(connection: sa.Connection) -> Job:
        job = jobs.get(connection, job_id, lock=True)
        if lease is not None:
            lease.check(job)
        columns = work(connection, job)
        if columns and note is not None:
            note.write(connection, now, job_id)
        return jobs.update(connection, job, now, **columns) if columns else job

    return transact(engine, within)


def moved(job: Job, event: str) -> JobColumns:
    """Return the columns of `job` after `event`. Raises ShoplaunchError `illegal_transition`."""
    return {"state": states.after(job.state, event)}


def failed(job: Job, event: str, step: str, error: Error, now: float) -> JobColumns:
    """Return the columns of a job that needs an operator: `event` is `fail`, `agent_failed` or `stall`."""
    return {**moved(job, event), "step": step, "error": error, "alarm": "wanted", "wake_at": now}


def asked_again(connection: sa.Connection, job: Job, names: Iterable[str], now: float) -> JobColumns:
    """Let the steps `names` run again; return the job's columns. If the agent is among them, it gets a new attempt."""
    names = [name for name in plan.of(job.kind) if name in set(names)]
    steps.reset(connection, job.id, names)
    columns: JobColumns = {"step": names[0], "error": None, "alarm": "", "wake_at": now}
    if "drop" in names:
        # After a restore from an older backup a number may be given twice. Who holds the account's lock then goes on as
        # this attempt, from the same order; if its values are outdated, the check fails, and the next number is new
        columns |= {"attempt": job.attempt + 1, "heard_at": None, "dropped_at": None, "percent": 0}
        columns |= {"reports_until": None, "heartbeats_until": None}
        columns |= {"progress": {}, "stage": None, **facts.column(facts.of_next_attempt(facts.of(job)))}
    # When the last alarm was stays noted: programs and clients may ask as well, and again and again
    return columns


def as_document(error: BaseException) -> Error:
    """Return {"code", "message", "advice", "retryable"} of a failure; an unforeseen one is `internal`."""
    if isinstance(error, ShoplaunchError):
        # Its message may quote a panel, a shop or an account
        return sanitize.error_of(error.as_dict())
    # Never its text, which may contain arguments of the call
    return ShoplaunchError("internal", f"{type(error).__name__}; see the controller's log").as_dict()
