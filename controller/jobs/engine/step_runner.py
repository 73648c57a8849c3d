"""Runs steps and notes how they ended; a step is marked done after its work."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from controller import measures
from controller.db import facts, jobs, steps
from controller.db.connection import refusals
from controller.db.connection.clock import Moment
from controller.db.connection.engine import transact
from controller.db.jobs import Job
from controller.db.steps import StepRow
from controller.jobs.agent_judgement import silence
from controller.jobs.engine.operations import follow_up
from controller.jobs.lifecycle import changes, lease, places, plan, states
from controller.jobs.lifecycle.panel_access import server_outage
from controller.jobs.lifecycle.panel_access import panel_lockout
from controller.jobs.lifecycle.step_context import Outcome, StepWaits, Tools, Work
from controller.jobs.steps.registry import run_of
from controller.telemetry import tracing
from controller.telemetry.job_at_hand import working_on
from shared.errors import ShoplaunchError
from shared.job import RESTORE

if TYPE_CHECKING:
    from shared.documents import Error

LOG = logging.getLogger(__name__)
_OUTCOMES = {StepWaits: "waits", lease.Lost: "lost"}
#: Percent of the whole before the agent takes over.
PREPARED_PERCENT = 4
#: Results are written even when the database is away for some minutes: mail must not be sent twice.
NOTE_TRIES = 20
NOTE_PAUSE_SECONDS = 3.0
#: Pause before a step that met trouble of our own database is tried again.
DATABASE_SECONDS = 10.0

Result = Outcome | StepWaits | Exception


@dataclass(frozen=True)
class Way:
    """How a job goes on: `following` are the steps that begin, as the job and its steps are once others ended."""

    following: Callable[[Job, Mapping[str, StepRow]], Sequence[plan.Step]]
    tools: Tools


class Begun(NamedTuple):
    """Steps that run now; the job and all its steps as they are then."""

    job: Job
    steps: Sequence[plan.Step]
    rows: Mapping[str, StepRow]


def _unchanged(_connection: sa.Connection, _job: Job) -> Mapping[str, Any]:
    return {}


def claim(connection: sa.Connection, held: lease.Lease, begun: Begun, moment: Moment) -> Begun:
    """Take the lease of a job, whose row is locked and free, and note in the same transaction that `begun.steps` run;
    return what is noted then."""
    job, rows = begun.job, dict(begun.rows)
    for step in begun.steps:
        rows[step.name] = steps.begun(rows[step.name], moment.now)
    columns = {"step": _shown(job, begun.steps), "updated_at": moment.now} if begun.steps else {}
    job = held.hold(connection, job, moment, **columns)
    steps.write(connection, job.id, begun.rows, rows)
    return Begun(job, begun.steps, rows)


def _shown(job: Job, found: Sequence[plan.Step]) -> str | None:
    """Return the step that is shown while `found` run."""
    return found[0].name if job.state != states.LIVE else job.step


def begin(
    held: lease.Lease,
    rows: Mapping[str, StepRow],
    way: Way,
    now: float,
    change: Callable[[sa.Connection, Job], Mapping[str, Any]] = _unchanged,
) -> Begun:
    """Change the held job, whose steps were `rows`, and note that the steps which follow are running.

    Raises lease.Lost, database_busy, and what `change` raises.
    """

    def work(connection: sa.Connection, known: Job | None) -> Begun:
        noted = _Noted(connection, held, rows, known)
        return noted.close(dict(change(connection, noted.job)), way, now)

    begun = _as_known(held, lambda known: transact(way.tools.engine, lambda connection: work(connection, known)))
    held.noted(begun.job)
    return begun


def _as_known(held: lease.Lease, work: Callable[[Job | None], Begun]) -> Begun:
    """Return the result of `work`, first for the job as its holder knows it: then nothing is read. Where something else
    has changed it since, nothing was written, and `work` reads it anew."""
    with suppress(jobs.Conflict):
        return work(held.latest)
    return work(None)


def attempt(step: plan.Step, work: Work) -> Result:
    """Run the step and measure it; return its outcome, or the error that kept it from one."""
    began = time.monotonic()
    # In a thread of its own where steps run side by side
    with working_on(work.job.id, work.job.server, work.job.attempt), tracing.span(f"step {step.name}") as note:
        ended = _attempt(step, work)
        outcome = _OUTCOMES.get(type(ended), "failed") if isinstance(ended, Exception) else "done"
        note(outcome=outcome, **({"error": ended.code} if isinstance(ended, ShoplaunchError) else {}))
    measures.STEPS.labels(step.name, outcome).observe(time.monotonic() - began)
    return ended


def _attempt(step: plan.Step, work: Work) -> Result:
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
        return exhausted(error) or error


def exhausted(error: Exception) -> ShoplaunchError | None:
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


def finish(held: lease.Lease, begun: Begun, results: Iterable[Result], way: Way, now: float) -> Begun:
    """Note how the steps ended, move the job on, and begin those that follow; return these.

    Steps that were requested again meanwhile are left alone. Raises lease.Lost, and notes nothing, when another worker
    holds the job by now. Raises database_busy.
    """
    # Failures last: they may end the job's run, and the finished steps must be noted before
    pairs = list(zip(begun.steps, results, strict=True))
    ordered = sorted(pairs, key=lambda pair: not isinstance(pair[1], Outcome))

    def work(connection: sa.Connection, known: Job | None) -> Begun:
        noted = _Noted(connection, held, begun.rows, known)
        columns: dict[str, Any] = {}
        for step, result in ordered:
            row = noted.rows[step.name]
            if row.state == steps.RUNNING and row.attempts == begun.rows[step.name].attempts:
                columns |= _note(noted, _after(noted.job, columns), step, result, now)
        return noted.close(columns, way, now)

    next_begun = _as_known(held, lambda known: _noted_patiently(way.tools.engine, held.job, lambda c: work(c, known)))
    held.noted(next_begun.job)
    return next_begun


def _noted_patiently(engine: sa.Engine, job_id: str, work: Callable[[sa.Connection], Begun]) -> Begun:
    """Return the result of `work`, which is tried for some minutes while the database is away."""
    for left in reversed(range(NOTE_TRIES)):
        try:
            return transact(engine, work)
        except ShoplaunchError as error:
            if not refusals.is_one(error) or left == 0:
                raise
            LOG.warning("job %s: what was done is not noted yet: %s", job_id, error.message)
            time.sleep(NOTE_PAUSE_SECONDS)
    raise AssertionError("unreachable")


class _Noted:
    """A held job and its steps within the transaction that notes them: each is read at most once, and written once.

    Without the job as it is `known`, its row is read and locked; `rows` are its steps as of that.
    """

    def __init__(
        self, connection: sa.Connection, held: lease.Lease, rows: Mapping[str, StepRow], known: Job | None
    ) -> None:
        self.connection = connection
        self._held = held
        self.job = jobs.get(connection, held.job, lock=True) if known is None else known
        held.check(self.job)
        self._before = dict(rows) if held.knows_steps(self.job) else plan.rows(connection, self.job)
        self.rows = dict(self._before)

    def read_again(self) -> None:
        """Read the steps anew: something else has changed them."""
        self._before = plan.rows(self.connection, self.job)
        self.rows = dict(self._before)

    def update(self, name: str, **values: Any) -> None:
        """Change a step."""
        self.rows[name] = replace(self.rows[name], **values)

    def write(self) -> None:
        """Write the steps that were changed."""
        steps.write(self.connection, self.job.id, self._before, self.rows)
        self._before = dict(self.rows)

    def close(self, columns: dict[str, Any], way: Way, now: float) -> Begun:
        """Begin the steps that follow, and write everything; the job's `columns` are changed already."""
        while found := way.following(_after(self.job, columns), self.rows):
            columns |= self._begin(found, _after(self.job, columns), now)
            if not all(step.only_notes for step in found):
                break
            for step in found:
                after = _after(self.job, columns)
                columns |= _note(self, after, step, attempt(step, Work(after, {}, way.tools)), now)
        # The job first, as everybody else: it is compared with what is known
        job = jobs.update(self.connection, self.job, now, **(columns or {"updated_at": self.job.updated_at}))
        self.write()
        return Begun(job, found, self.rows)

    def _begin(self, found: Sequence[plan.Step], job: Job, now: float) -> dict[str, Any]:
        """Note that the steps begin another run; return the job's columns."""
        for step in found:
            self.rows[step.name] = steps.begun(self.rows[step.name], now)
        columns: dict[str, Any] = {"step": _shown(job, found)}
        if self._held.seconds > lease.SECONDS:
            # This process is about to end: the lease has to be as long as what begins now
            columns["lease_until"] = max(self.job.lease_until or 0.0, now + self._held.seconds)
        return columns


def _after(job: Job, columns: Mapping[str, Any]) -> Job:
    known = {one.name for one in fields(Job)}
    return replace(job, **{name: value for name, value in columns.items() if name in known})


def _note(noted: _Noted, job: Job, step: plan.Step, result: Result, now: float) -> dict[str, Any]:
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


def _locked_out(noted: _Noted, job: Job, step: plan.Step, error: Error, now: float) -> dict[str, Any]:
    """The server is not called until an operator unlocks it; this counts neither as a failure nor as a try."""
    attempts = noted.rows[step.name].attempts - 1
    not_before = now + panel_lockout.WAIT_SECONDS
    noted.update(step.name, state=steps.WAITING, not_before=not_before, attempts=attempts, error=error)
    return panel_lockout.noted(noted.connection, job, error, now) if job.state != states.CANCELLED else {}


def _held_up(noted: _Noted, step: plan.Step, error: Error, until: float) -> dict[str, Any]:
    """The server fails all calls, or our database does: the step waits, which counts neither as a failure nor as a
    try."""
    attempts = noted.rows[step.name].attempts - 1
    noted.update(step.name, state=steps.WAITING, not_before=until, attempts=attempts, error=error)
    return {"error": dict(error)}


def _done(noted: _Noted, job: Job, step: plan.Step, outcome: Outcome, now: float) -> dict[str, Any]:
    if outcome.effect is not None and job.state != states.CANCELLED:
        outcome.effect(noted.connection)
    state = steps.SKIPPED if outcome.skipped else steps.DONE
    values = {"state": state, "finished_at": now, "error": None, "failures": 0, "not_before": None}
    noted.update(step.name, **values, note=outcome.note[:500])
    known = facts.of(job)
    columns = {**outcome.columns, **facts.column(known if outcome.learned is None else outcome.learned(known))}
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


def _prepared(noted: _Noted, job: Job, now: float) -> dict[str, Any]:
    known, rows = plan.of(job.kind), noted.rows
    if not plan.all_over(known, rows, plan.PREPARE):
        over = sum(rows[name].state in steps.OVER for name in known if known[name].part == plan.PREPARE)
        return {"percent": min(over, PREPARED_PERCENT)} if job.state == states.PREPARING else {}
    agent = rows["agent"]
    if not states.may(job.state, "drop"):
        return _overtaken(noted, job, agent, now)
    noted.update("agent", state=steps.RUNNING, attempts=agent.attempts + 1, started_at=now)
    columns = {**changes.moved(job, "drop"), "step": "agent", "dropped_at": now, "percent": PREPARED_PERCENT}
    waited = now + silence.TICKS * silence.cron_seconds(job) + silence.START_SECONDS
    return columns | {"wake_at": waited}


def _overtaken(noted: _Noted, job: Job, agent: steps.StepRow, now: float) -> dict[str, Any]:
    """The agent reported before step cron was noted: the agent's step began with its first report."""
    if job.dropped_at is not None or not job.attempt or job.state not in (states.RESTORING, states.FINISHING):
        return {}
    first = facts.of(job).first_event
    began = now if first is None else min(now, first.at)
    noted.update("agent", attempts=agent.attempts + 1, started_at=began)
    return {"dropped_at": began}


def _failed(noted: _Noted, job: Job, step: plan.Step, error: Error, now: float) -> dict[str, Any]:
    row = noted.rows[step.name]
    if error["retryable"] and row.failures < len(step.delays):
        wait = step.delays[row.failures]
        again = {"state": steps.WAITING, "failures": row.failures + 1, "not_before": now + wait}
        noted.update(step.name, **again, error=error)
        return {"error": dict(error)} if job.state != states.CANCELLED else {}
    noted.update(step.name, state=steps.FAILED, finished_at=now, error=error)
    if follow_up.may_take_back(job, step.name) and states.may(job.state, "take_back"):
        noted.write()
        columns = follow_up.taken_back(noted.connection, job, error, now)
        noted.read_again()
        return columns
    if states.may(job.state, "fail"):
        return changes.failed(job, "fail", step.name, error, now)
    if job.state == states.LIVE:
        return {"error": dict(error), "alarm": "wanted", "wake_at": now}
    return {}
