"""Applies an agent's state, read through the panel, to its job: progress for people, and the final event itself."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import sqlalchemy as sa

from controller.db import facts, jobs, steps
from controller.db.documents import JobColumns, StageProgress
from controller.db.jobs import Job
from controller.jobs.agent_judgement.sight import NO_STATE
from controller.jobs.agent_link import agent_events, report_retention
from controller.jobs.agent_link.reports import MAX_SEQ, checked
from controller.jobs.lifecycle import states
from shared.errors import ShoplaunchError
from shared.events import STAGES

if TYPE_CHECKING:
    from shared.documents import Event, State

#: `status` in the state of an agent that rolled back or gave up.
_NOT_FINISHED = ("failed", "cancelled")


def is_of(job: Job, state: State | None) -> bool:
    """Return whether the state belongs to this job's current attempt."""
    return state is not None and (state.get("job"), state.get("attempt")) == (job.id, job.attempt)


def final_event(job: Job, state: State | None) -> Event | None:
    """Return the final event that the agent could not report, None when there is none that counts."""
    if state is None or not is_of(job, state) or state.get("status") in _NOT_FINISHED:
        return None
    try:
        event = checked(state.get("final") or {})
    except ShoplaunchError:
        # The account can write anything there
        return None
    is_of_attempt = (event["job"], event["attempt"], event["event"]) == (job.id, job.attempt, "finished")
    return event if is_of_attempt else None


def finish(connection: sa.Connection, job: Job, event: Event, now: float) -> JobColumns:
    """Take the final event as if it had been reported; return the job's columns, {} when it does not count (any more).

    The same event over HTTP, before or after, has no further effect.
    """
    if not states.may(job.state, "agent_finished") or event["attempt"] != job.attempt:
        return {}
    if report_retention.is_known(connection, job, event):
        return {}
    stored = report_retention.keep(connection, job, event, now, counts=True)
    columns = stored | agent_events.finished(connection, jobs.after(job, stored), now)
    steps.update(connection, job.id, "agent", note="its report was read through the panel")
    # The agent waits until this is acknowledged
    return columns | facts.column(replace(facts.after(job, columns), ack_seq=event["seq"]))


def last_number(state: State | None) -> int:
    """Return the number of the last event noted in the state, 0 when there is none."""
    callback = (state or NO_STATE).get("callback") or {}
    return min(callback.get("seq", 0), MAX_SEQ)


def progress(state: State, now: float) -> JobColumns:
    """Return the columns that show people the agent's progress."""
    latest = now + agent_events.CLOCK_SECONDS
    known: dict[str, StageProgress] = {
        name: {
            "state": stage["state"],
            "started_at": _bounded(stage.get("started_at"), latest),
            "finished_at": _bounded(stage.get("finished_at"), latest),
            "seconds": _bounded(stage.get("seconds"), latest),
        }
        for name, stage in (state.get("stages") or {}).items()
        if name in STAGES
    }
    columns: JobColumns = {"progress": known, "stage": state.get("stage")}
    if state.get("percent") is not None:
        columns["percent"] = min(state["percent"], agent_events.MAX_AGENT_PERCENT)
    return columns


def _bounded(number: float | None, latest: float) -> float | None:
    return None if number is None else max(0.0, min(number, latest))
