"""Runs steps and notes how they ended; a step is marked done after its work."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

import sqlalchemy as sa

from controller.db import facts, jobs, steps
from controller.db.connection.engine import transact
from controller.db.jobs import Job
from controller.jobs.agent_judgement import silence
from controller.jobs.engine import follow_up
from controller.jobs.lifecycle import changes, lease, panel_lockout, places, plan, server_outage, states
from controller.jobs.lifecycle.step_context import Outcome, StepWaits, Work
from controller.jobs.steps.registry import run_of
from shared.errors import ShoplaunchError
from shared.job import RESTORE

LOG = logging.getLogger(__name__)
#: Percent of the whole before the agent takes over.
PREPARED_PERCENT = 4
#: Results are written even when the database is away for some minutes: mail must not be sent twice.
NOTE_TRIES = 20
NOTE_PAUSE_SECONDS = 3.0

Result = Outcome | StepWaits | Exception


def begin(engine: sa.Engine, names: Sequence[str], held: lease.Lease, now: float) -> dict[str, int]:
    """Note that steps of the held job are running; return name -> number of this run. Raises lease.Lost."""
    job_id = held.job

    def work(connection: sa.Connection) -> dict[str, int]:
        job = jobs.get(connection, job_id, lock=True)
        held.check(job)
        rows = plan.rows(connection, job)
        for name in names:
            steps.update(
                connection, job_id, name,
                state=steps.RUNNING, attempts=rows[name].attempts + 1, started_at=now, finished_at=None,
            )  # fmt: skip
        step = names[0] if job.state != states.LIVE else job.step
        jobs.update(connection, job, now, step=step, lease_until=now + held.seconds)
        return {name: rows[name].attempts + 1 for name in names}

    return transact(engine, work)


def attempt(step: plan.Step, work: Work) -> Result:
    """Run the step; return its outcome, or the error that kept it from one."""
    assert step.work is not None
    LOG.info("job %s: step %s", work.job.id, step.name)
    try:
        if step.part == plan.PREPARE:
            # A follow-up job changes a shop that lived when it was asked for; it may have a successor since
            places.require_parents_own(work.tools.engine, work.job)
        return run_of(step.work)(work)
    except (StepWaits, lease.Lost) as ended:
        return ended
    except ShoplaunchError as error:
        LOG.warning("job %s: step %s: %s: %s", work.job.id, step.name, error.code, error.message)
        return error
    except Exception as error:
        LOG.exception("job %s: step %s", work.job.id, step.name)
        return _exhausted(error) or error


def _exhausted(error: Exception) -> ShoplaunchError | None:
    """Return `error` as a temporary one when it says that the machine has no memory or no thread left."""
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and "start new thread" in str(error)):
        return ShoplaunchError("internal", "the controller's machine has no memory or no thread left", retryable=True)
    return None


def side_by_side(found: Sequence[plan.Step], work: Work) -> list[Result]:
    """Run steps that do not depend on each other in parallel; return how each ended.

    Where the machine has no thread left they run one after the other. Raises what no step may raise.
    """
    ended: dict[int, Result] = {}
    fatal: list[BaseException] = []

    def run(number: int) -> None:
        try:
            ended[number] = attempt(found[number], work)
        except BaseException as problem:  # noqa: BLE001 - raised again in the waiting thread
            fatal.append(problem)

    threads = []
    for number in range(1, len(found)):
        # A hanging step must not keep the process from ending
        thread = threading.Thread(target=run, args=(number,), name="step", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            run(number)
        else:
            threads.append(thread)
    run(0)
    for thread in threads:
        thread.join()
    if fatal:
        raise fatal[0]
    return [ended[number] for number in range(len(found))]


def finish(
    engine: sa.Engine,
    held: lease.Lease,
    results: Iterable[tuple[plan.Step, Result]],
    runs: Mapping[str, int],
    now: float,
) -> None:
    """Note how the steps ended and move the job on; steps that were requested again meanwhile are left alone.

    Raises lease.Lost, and notes nothing, when another worker holds the job by now. Raises database_busy.
    """
    job_id = held.job
    # Failures last: they may end the job's run, and the finished steps must be noted before
    ordered = sorted(results, key=lambda pair: not isinstance(pair[1], Outcome))

    def work(connection: sa.Connection, job: Job) -> Mapping[str, Any]:
        columns: dict[str, Any] = {}
        for step, result in ordered:
            row = plan.rows(connection, job)[step.name]
            if row.state == steps.RUNNING and row.attempts == runs[step.name]:
                columns |= _note(connection, _after(job, columns), step, row, result, now)
        return columns

    for left in reversed(range(NOTE_TRIES)):
        try:
            changes.change(engine, job_id, now, work, held)
            return
        except ShoplaunchError as error:
            if error.code not in ("database_busy", "database_full", "database_unwritable") or left == 0:
                raise
            LOG.warning("job %s: what was done is not noted yet: %s", job_id, error.message)
            time.sleep(NOTE_PAUSE_SECONDS)


def _after(job: Job, columns: Mapping[str, Any]) -> Job:
    known = {one.name for one in fields(Job)}
    return replace(job, **{name: value for name, value in columns.items() if name in known})


def _note(
    connection: sa.Connection, job: Job, step: plan.Step, row: steps.StepRow, result: Result, now: float
) -> dict[str, Any]:
    if isinstance(result, Outcome):
        return _done(connection, job, step, result, now)
    if isinstance(result, StepWaits):
        # The event it waits for may have come during the check: then it checks again at once
        came = facts.of(job).cleaned
        steps.update(
            connection, job.id, step.name,
            state=steps.WAITING, not_before=None if came else now + result.seconds, note=result.note,
            attempts=row.attempts - 1,
        )  # fmt: skip
        return facts.column(replace(facts.of(job), cleaned=False)) if came else {}
    if isinstance(result, ShoplaunchError) and result.code == panel_lockout.CODE:
        return _locked_out(connection, job, step, row, changes.as_document(result), now)
    if isinstance(result, ShoplaunchError) and result.code == server_outage.CODE:
        since = server_outage.since(connection, job, row, now)
        if since is not None and not server_outage.is_over(since, now):
            return _held_up(connection, job, step, row, changes.as_document(result), since)
        if since is not None:
            # After a day of tries there is no next one
            row = replace(row, failures=len(step.delays))
    return _failed(connection, job, step, row, changes.as_document(result), now)


def _locked_out(
    connection: sa.Connection, job: Job, step: plan.Step, row: steps.StepRow, error: Mapping[str, Any], now: float
) -> dict[str, Any]:
    """The server is not called until an operator unlocks it; this counts neither as a failure nor as a try."""
    again = {"state": steps.WAITING, "not_before": now + panel_lockout.WAIT_SECONDS, "attempts": row.attempts - 1}
    steps.update(connection, job.id, step.name, **again, error=error)
    return panel_lockout.noted(connection, job, error, now) if job.state != states.CANCELLED else {}


def _held_up(
    connection: sa.Connection, job: Job, step: plan.Step, row: steps.StepRow, error: Mapping[str, Any], since: float
) -> dict[str, Any]:
    """The server fails all calls: the step waits for it, which counts neither as a failure nor as a try."""
    again = {"state": steps.WAITING, "not_before": since, "attempts": row.attempts - 1}
    steps.update(connection, job.id, step.name, **again, error=error)
    return {"error": dict(error)}


def _done(connection: sa.Connection, job: Job, step: plan.Step, outcome: Outcome, now: float) -> dict[str, Any]:
    if outcome.effect is not None and job.state != states.CANCELLED:
        outcome.effect(connection)
    state = steps.SKIPPED if outcome.skipped else steps.DONE
    values = {"state": state, "finished_at": now, "error": None, "failures": 0, "not_before": None}
    steps.update(connection, job.id, step.name, **values, note=outcome.note[:500])
    known = facts.of(job)
    columns = {**outcome.columns, **facts.column(known if outcome.learned is None else outcome.learned(known))}
    if job.state == states.CANCELLED:
        return columns
    rows = plan.rows(connection, job)
    # The error of a parallel step that waits for its next try is worth showing
    pending = any(row.error and row.state == steps.WAITING for row in rows.values())
    if (
        (job.error or {})
        and not pending
        and step.part != plan.AGENT
        and job.state not in (states.FAILED, states.STALLED)
    ):
        columns["error"] = None
    if step.part == plan.PREPARE:
        columns |= _prepared(connection, job, rows, now)
    elif not _finished(job, rows, step):
        return columns
    elif job.kind != RESTORE:
        columns |= follow_up.over(connection, replace(job, facts=columns["facts"]), now)
    else:
        columns |= {**changes.moved(job, "prove"), "step": None, "percent": 100, "domain_key": None}
        columns |= {"account_key": None, "stage": None, "wake_at": now}
    return columns


def _finished(job: Job, rows: Mapping[str, steps.StepRow], step: plan.Step) -> bool:
    over = step.part == plan.FINISH and plan.all_over(plan.of(job.kind), rows, plan.FINISH)
    return over and states.may(job.state, "prove")


def _prepared(connection: sa.Connection, job: Job, rows: Mapping[str, steps.StepRow], now: float) -> dict[str, Any]:
    known = plan.of(job.kind)
    if not plan.all_over(known, rows, plan.PREPARE):
        over = sum(rows[name].state in steps.OVER for name in known if known[name].part == plan.PREPARE)
        return {"percent": min(over, PREPARED_PERCENT)} if job.state == states.PREPARING else {}
    agent = rows["agent"]
    if not states.may(job.state, "drop"):
        return _overtaken(connection, job, agent, now)
    steps.update(connection, job.id, "agent", state=steps.RUNNING, attempts=agent.attempts + 1, started_at=now)
    columns = {**changes.moved(job, "drop"), "step": "agent", "dropped_at": now, "percent": PREPARED_PERCENT}
    waited = now + silence.TICKS * silence.cron_seconds(job) + silence.START_SECONDS
    return columns | {"wake_at": waited}


def _overtaken(connection: sa.Connection, job: Job, agent: steps.StepRow, now: float) -> dict[str, Any]:
    """The agent reported before step cron was noted: the agent's step began with its first report."""
    if job.dropped_at is not None or not job.attempt or job.state not in (states.RESTORING, states.FINISHING):
        return {}
    first = facts.of(job).first_event
    began = now if first is None else min(now, first.at)
    steps.update(connection, job.id, "agent", attempts=agent.attempts + 1, started_at=began)
    return {"dropped_at": began}


def _failed(
    connection: sa.Connection,
    job: Job,
    step: plan.Step,
    row: steps.StepRow,
    error: Mapping[str, Any],
    now: float,
) -> dict[str, Any]:
    if error["retryable"] and row.failures < len(step.delays):
        wait = step.delays[row.failures]
        again = {"state": steps.WAITING, "failures": row.failures + 1, "not_before": now + wait}
        steps.update(connection, job.id, step.name, **again, error=error)
        return {"error": dict(error)} if job.state != states.CANCELLED else {}
    steps.update(connection, job.id, step.name, state=steps.FAILED, finished_at=now, error=error)
    if follow_up.may_take_back(job, step.name) and states.may(job.state, "take_back"):
        return follow_up.taken_back(connection, job, error, now)
    if states.may(job.state, "fail"):
        return changes.failed(job, "fail", step.name, error, now)
    if job.state == states.LIVE:
        return {"error": dict(error), "alarm": "wanted", "wake_at": now}
    return {}
