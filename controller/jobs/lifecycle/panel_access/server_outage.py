"""Steps that meet a server whose breaker is open: they wait until it answers again, and fail only after a day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from controller.db import steps
from controller.db.connection.clock import Moment
from controller.db.jobs import NEED_SERVER, Job
from controller.db.machines import breakers
from controller.db.machines.breakers import PATIENCE_SECONDS, Breaker
from controller.db.steps import StepRow
from controller.jobs.lifecycle import states
from controller.jobs.lifecycle.plan import Step

CODE = "panel_unreachable"
#: States whose steps wait for the server.
_WITH_STEPS = (states.PREPARING, states.RESTORING, states.FINISHING)
#: A job whose agent works meanwhile is looked at again after this time.
AGAIN_SECONDS = 60.0


def since(connection: sa.Connection, job: Job, row: StepRow, now: float) -> float | None:
    """Return since when the step, which has just met CODE, waits for the job's server; None while its breaker is
    closed: the failure may be the job's own."""
    breaker = breakers.get(connection, job.server)
    if breaker is None or not breaker.is_open or job.state not in _WITH_STEPS:
        return None
    earlier = row.not_before if _met_it(row) else None
    # A job that was not taken up at all has waited since it was due
    known = min(time for time in (earlier, job.wake_at, now) if time is not None)
    return min(now, max(breaker.since, known))


def is_over(began: float, now: float) -> bool:
    """Return whether a server is waited for no longer."""
    return now - began >= PATIENCE_SECONDS


def is_waiting(row: StepRow, now: float) -> bool:
    """Return whether the step waits for its server: then `not_before` is the time since when."""
    return row.state == steps.WAITING and _met_it(row) and row.not_before is not None and row.not_before <= now


def _met_it(row: StepRow) -> bool:
    return row.error is not None and row.error["code"] == CODE


def ready(
    connection: sa.Connection, job: Job, found: Sequence[Step], rows: Mapping[str, StepRow], moment: Moment
) -> list[Step]:
    """Return those of the steps `found` that may run now: a server whose breaker is open is called by its probe, and
    to no avail by a step that has waited for a day."""
    breaker = breakers.get(connection, job.server)
    if breaker is None or not breaker.is_open or breaker.may_probe(moment.now, moment.leases):
        return list(found)
    return [step for step in found if not _is_held(rows[step.name], moment.now)]


def _is_held(row: StepRow, now: float) -> bool:
    return is_waiting(row, now) and not is_over(row.not_before or 0.0, now)


def wake_at(job: Job, row: StepRow, now: float) -> float | None:
    """Return when the job of the waiting step is due. While it waits for its server it stays due, and is not taken up
    (controller.db.jobs.due) before the server answers; that needs no change of the job then."""
    if is_waiting(row, now) and job.state not in NEED_SERVER:
        return now + AGAIN_SECONDS
    return row.not_before


def of_job(job: Job, opened: Mapping[str, Breaker]) -> Breaker | None:
    """Return the open breaker for which the job waits, None when it does not wait; `opened` are all open ones."""
    return opened.get(job.server) if job.state in NEED_SERVER and job.wake_at is not None else None
