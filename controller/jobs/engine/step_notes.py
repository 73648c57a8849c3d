"""Notes how steps ended, and what that says of their job, within one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Unpack

import sqlalchemy as sa

from controller.db import facts, jobs, steps
from controller.db.connection import refusals
from controller.db.documents import JobColumns, StepColumns
from controller.db.jobs import Job
from controller.db.steps import StepRow
from controller.jobs.agent_judgement import silence
from controller.jobs.engine.operations import follow_up
from controller.jobs.lifecycle import changes, lease, plan, states
from controller.jobs.lifecycle.panel_access import panel_lockout, server_outage
from controller.jobs.lifecycle.step_context import Outcome, StepWaits
from shared.errors import ShoplaunchError
from shared.job import RESTORE

if TYPE_CHECKING:
    from shared.documents import Error

#: Percent of the whole before the agent takes over.
PREPARED_PERCENT = 4
#: Pause before a step that met trouble of our own database is tried again.
DATABASE_SECONDS = 10.0

Result = Outcome | StepWaits | Exception


class Noted:
    """A held job and its steps within the transaction that notes them: each is read at most once, and written once.

    Without the job as it is `known`, its row is read and locked; `rows` are its steps as of that.
    """

    def __init__(
        self, connection: sa.Connection, held: lease.Lease, rows: Mapping[str, StepRow], known: Job | None
    ) -> None:
        self.connection = connection
        self.held = held
        self.job = jobs.get(connection, held.job, lock=True) if known is None else known
        held.check(self.job)
        self._before = dict(rows) if held.knows_steps(self.job) else plan.rows(connection, self.job)
        self.rows = dict(self._before)

    def read_again(self) -> None:
        """Read the steps anew: something else has changed them."""
        self._before = plan.rows(self.connection, self.job)
        self.rows = dict(self._before)

    def update(self, name: str, **values: Unpack[StepColumns]) -> None:
        """Change a step."""
        self.rows[name] = replace(self.rows[name], **values)

    def write(self) -> None:
        """Write the steps that were changed."""
        steps.write(self.connection, self.job.id, self._before, self.rows)
        self._before = dict(self.rows)


def note_end(noted: Noted, job: Job, step: plan.Step, result: Result, now: float) -> JobColumns:
    """Note how the step of `job` ended; return the columns of the job that change."""
    row = noted.rows[step.name]
    if isinstance(result, Outcome):
        return _done(noted, job, step, result, now)
    if isinstance(result, StepWaits):
        # The event it waits for may have come during the check: then it checks again at once
        known = facts.of(job)
        came, known = known.cleaned, known if result.learned is None else result.learned(known)
        noted.update(
            step.name,
            state=steps.WAITING, not_before=None if came else now + result.seconds, note=result.note,
            attempts=row.attempts - 1,
        )  # fmt: skip
        return facts.column(replace(known, cleaned=False)) if came or result.learned is not None else {}
    if isinstance(result, ShoplaunchError) and result.code == panel_lockout.CODE:
        return _locked_out(noted, job, step, changes.as_document(result), now)
    if isinstance(result, ShoplaunchError) and result.code == server_outage.CODE:
        since = server_outage.since(noted.connection, job, row, now)
        if since is not None and not server_outage.is_over(since, now):
            return _held_up(noted, step, changes.as_document(result), since)
        if since is not None:
            # After a day of tries there is no next one
            noted.rows[step.name] = replace(row, failures=len(step.delays))
    if refusals.is_one(result):
        return _held_up(noted, step, changes.as_document(result), now + DATABASE_SECONDS)
    return _failed(noted, job, step, changes.as_document(result), now)


def _locked_out(noted: Noted, job: Job, step: plan.Step, error: Error, now: float) -> JobColumns:
    """The server is not called until an operator unlocks it; this counts neither as a failure nor as a try."""
    attempts = noted.rows[step.name].attempts - 1
    not_before = now + panel_lockout.WAIT_SECONDS
    noted.update(step.name, state=steps.WAITING, not_before=not_before, attempts=attempts, error=error)
    return panel_lockout.noted(noted.connection, job, error, now) if job.state != states.CANCELLED else {}


def _held_up(noted: Noted, step: plan.Step, error: Error, until: float) -> JobColumns:
    """The server fails all calls, or our database does: the step waits, which counts neither as a failure nor as a
    try."""
    attempts = noted.rows[step.name].attempts - 1
    noted.update(step.name, state=steps.WAITING, not_before=until, attempts=attempts, error=error)
    return {"error": error}


def _done(noted: Noted, job: Job, step: plan.Step, outcome: Outcome, now: float) -> JobColumns:
    if outcome.effect is not None and job.state != states.CANCELLED:
        outcome.effect(noted.connection)
    state = steps.SKIPPED if outcome.skipped else steps.DONE
    values: StepColumns = {"state": state, "finished_at": now, "error": None, "failures": 0, "not_before": None}
    values["note"] = outcome.note[:500]
    noted.update(step.name, **values)
    known = facts.of(job)
    known = known if outcome.learned is None else outcome.learned(known)
    columns: JobColumns = {**outcome.columns, **facts.column(known)}
    if job.state == states.CANCELLED:
        return columns
    rows = noted.rows
    # The error of a parallel step that waits for its next try is worth showing
    pending = any(row.error and row.state == steps.WAITING for row in rows.values())
    if job.error and not pending and step.part != plan.AGENT and job.state not in (states.FAILED, states.STALLED):
        columns["error"] = None
    if step.part == plan.PREPARE:
        columns |= _prepared(noted, job, now)
    elif not _finished(job, rows, step):
        return columns
    elif job.kind != RESTORE:
        columns |= follow_up.over(noted.connection, replace(job, facts=columns["facts"]), now)
    else:
        columns |= {**changes.moved(job, "prove"), "step": None, "percent": 100, "domain_key": None}
        columns |= {"account_key": None, "stage": None, "wake_at": now}
    return columns


def _finished(job: Job, rows: Mapping[str, steps.StepRow], step: plan.Step) -> bool:
    over = step.part == plan.FINISH and plan.all_over(plan.of(job.kind), rows, plan.FINISH)
    return over and states.may(job.state, "prove")


def _prepared(noted: Noted, job: Job, now: float) -> JobColumns:
    known, rows = plan.of(job.kind), noted.rows
    if not plan.all_over(known, rows, plan.PREPARE):
        over = sum(rows[name].state in steps.OVER for name in known if known[name].part == plan.PREPARE)
        return {"percent": min(over, PREPARED_PERCENT)} if job.state == states.PREPARING else {}
    agent = rows["agent"]
    if not states.may(job.state, "drop"):
        return _overtaken(noted, job, agent, now)
    noted.update("agent", state=steps.RUNNING, attempts=agent.attempts + 1, started_at=now)
    waited = now + silence.TICKS * silence.cron_seconds(job) + silence.START_SECONDS
    moved = changes.moved(job, "drop")
    return {**moved, "step": "agent", "dropped_at": now, "percent": PREPARED_PERCENT, "wake_at": waited}


def _overtaken(noted: Noted, job: Job, agent: steps.StepRow, now: float) -> JobColumns:
    """The agent reported before step cron was noted: the agent's step began with its first report."""
    if job.dropped_at is not None or not job.attempt or job.state not in (states.RESTORING, states.FINISHING):
        return {}
    first = facts.of(job).first_event
    began = now if first is None else min(now, first.at)
    noted.update("agent", attempts=agent.attempts + 1, started_at=began)
    return {"dropped_at": began}


def _failed(noted: Noted, job: Job, step: plan.Step, error: Error, now: float) -> JobColumns:
    row = noted.rows[step.name]
    if error["retryable"] and row.failures < len(step.delays):
        wait = step.delays[row.failures]
        failures, not_before = row.failures + 1, now + wait
        noted.update(step.name, state=steps.WAITING, failures=failures, not_before=not_before, error=error)
        return {"error": error} if job.state != states.CANCELLED else {}
    noted.update(step.name, state=steps.FAILED, finished_at=now, error=error)
    if follow_up.may_take_back(job, step.name) and states.may(job.state, "take_back"):
        noted.write()
        columns = follow_up.taken_back(noted.connection, job, error, now)
        noted.read_again()
        return columns
    if states.may(job.state, "fail"):
        return changes.failed(job, "fail", step.name, error, now)
    if job.state == states.LIVE:
        return {"error": error, "alarm": "wanted", "wake_at": now}
    return {}
