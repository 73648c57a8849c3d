"""Runs steps, and notes what ends and what begins together; a step is marked done after its work."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

import sqlalchemy as sa

from controller import measures
from controller.db import jobs, steps
from controller.db.connection import refusals
from controller.db.connection.clock import Moment
from controller.db.connection.engine import transact
from controller.db.documents import JobColumns
from controller.db.jobs import Job, after
from controller.db.steps import StepRow
from controller.jobs.engine.step_notes import Noted, Result, note_end
from controller.jobs.lifecycle import lease, places, plan, states
from controller.jobs.lifecycle.step_context import Outcome, StepWaits, Tools, Work
from controller.jobs.steps.registry import run_of
from controller.telemetry import tracing
from controller.telemetry.job_at_hand import working_on
from shared.errors import ShoplaunchError

LOG = logging.getLogger(__name__)
_OUTCOMES = {StepWaits: "waits", lease.Lost: "lost"}
#: Results are written even when the database is away for some minutes: mail must not be sent twice.
NOTE_TRIES = 20
NOTE_PAUSE_SECONDS = 3.0


@dataclass(frozen=True)
class Way:
    """How a job goes on: `following` are the steps that begin, as the job and its steps are once others ended; it may
    read by the connection that notes them."""

    following: Callable[[sa.Connection, Job, Mapping[str, StepRow]], Sequence[plan.Step]]
    tools: Tools


class Begun(NamedTuple):
    """Steps that run now; the job and all its steps as they are then."""

    job: Job
    steps: Sequence[plan.Step]
    rows: Mapping[str, StepRow]


def _unchanged(_connection: sa.Connection, _job: Job) -> JobColumns:
    return {}


def claim(connection: sa.Connection, held: lease.Lease, begun: Begun, moment: Moment) -> Begun:
    """Take the lease of a job, whose row is locked and free, and note in the same transaction that `begun.steps` run;
    return what is noted then."""
    job, rows = begun.job, dict(begun.rows)
    for step in begun.steps:
        rows[step.name] = steps.begun(rows[step.name], moment.now)
    at = jobs.changed_at(job, moment.now)
    columns: JobColumns = {"step": _shown(job, begun.steps), "updated_at": at} if begun.steps else {}
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
    change: Callable[[sa.Connection, Job], JobColumns] = _unchanged,
) -> Begun:
    """Change the held job, whose steps were `rows`, and note that the steps which follow are running.

    Raises lease.Lost, database_busy, and what `change` raises.
    """

    def work(connection: sa.Connection, known: Job | None) -> Begun:
        noted = Noted(connection, held, rows, known)
        return _closed(noted, {**change(connection, noted.job)}, way, now)

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
        noted = Noted(connection, held, begun.rows, known)
        columns: JobColumns = {}
        for step, result in ordered:
            row = noted.rows[step.name]
            if row.state == steps.RUNNING and row.attempts == begun.rows[step.name].attempts:
                columns |= note_end(noted, after(noted.job, columns), step, result, now)
        return _closed(noted, columns, way, now)

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


def _closed(noted: Noted, columns: JobColumns, way: Way, now: float) -> Begun:
    """Begin the steps that follow, and write everything; the job's `columns` are changed already."""
    while found := way.following(noted.connection, after(noted.job, columns), noted.rows):
        columns |= _begun(noted, found, after(noted.job, columns), now)
        if not all(step.only_notes for step in found):
            break
        for step in found:
            now_job = after(noted.job, columns)
            columns |= note_end(noted, now_job, step, attempt(step, Work(now_job, {}, way.tools)), now)
    # The job first, as everybody else: it is compared with what is known
    job = jobs.update(noted.connection, noted.job, now, **(columns or {"updated_at": noted.job.updated_at}))
    noted.write()
    return Begun(job, found, noted.rows)


def _begun(noted: Noted, found: Sequence[plan.Step], job: Job, now: float) -> JobColumns:
    """Note that the steps begin another run; return the job's columns."""
    for step in found:
        noted.rows[step.name] = steps.begun(noted.rows[step.name], now)
    columns: JobColumns = {"step": _shown(job, found)}
    if noted.held.seconds > lease.SECONDS:
        # This process is about to end: the lease has to be as long as what begins now
        columns["lease_until"] = max(noted.job.lease_until or 0.0, now + noted.held.seconds)
    return columns
