"""Ends a service that billing terminated: cancels a job under way; a live shop is only noted as ended."""

from __future__ import annotations

from dataclasses import replace

import sqlalchemy as sa

from controller.db import facts, jobs, steps
from controller.db.connection.engine import reading
from controller.db.documents import JobColumns
from controller.db.jobs import Job
from controller.db.orders.services import BilledService
from controller.jobs.engine.operations import interventions
from controller.jobs.lifecycle import changes, plan, states
from shared.job import RESTORE


def end(engine: sa.Engine, service: BilledService, now: float, since: float | None) -> None:
    """End the service's job, if it was made `since` then (unix seconds; None: whenever it was made).

    Without effect when there is no such job, or when it is over.
    """
    with reading(engine) as connection:
        job = jobs.find_service(connection, service.service_id, service.signed_by)
    if job is None or (since is not None and job.created_at >= since):
        return
    _end(engine, job.id, now)
    # A shop that has ended takes no follow-up job any more: those there are now are all
    with reading(engine) as connection:
        follow_ups = jobs.follow_ups(connection, job.id)
    for one in follow_ups:
        _end(engine, one.id, now)


def _end(engine: sa.Engine, job_id: str, now: float) -> None:
    changes.change(engine, job_id, now, lambda connection, now_job: _ended(connection, now_job, now))


def _ended(connection: sa.Connection, job: Job, now: float) -> JobColumns:
    if job.kind == RESTORE and job.state == states.LIVE and job.ended_at is None:
        rows = plan.rows(connection, job)
        # The client gets no notification about a shop that is gone
        for name in (step.name for step in plan.of(job.kind).values() if step.for_client):
            if rows[name].state not in steps.OVER:
                steps.update(connection, job.id, name, state=steps.SKIPPED, note="the service was terminated")
        # The account may be given to somebody else; its secrets are not needed any more
        columns: JobColumns = {**interventions.released(), "ended_at": now, "error": None, "alarm": "", "wake_at": now}
        return columns | facts.column(replace(facts.of(job), terminated=True))
    if states.may(job.state, "cancel"):
        cancelled = interventions.cancelling(job, now)
        return cancelled | facts.column(replace(facts.after(job, cancelled), terminated=True))
    if job.state == states.CANCELLED and not facts.of(job).terminated:
        return facts.column(replace(facts.of(job), terminated=True))
    return {}
