"""Applies an agent's state, read through the panel, to its job: progress for people, and the final event itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from controller.db import facts, steps
from controller.db.jobs import Job
from controller.jobs.agent_link import agent_events, report_retention
from controller.jobs.agent_link.reports import MAX_SEQ, checked
from controller.jobs.lifecycle import states
from shared.errors import ShoplaunchError
from shared.events import STAGES

#: `status` in the state of an agent that rolled back or gave up.
_NOT_FINISHED = ("failed", "cancelled")


def is_of(job: Job, state: Mapping[str, Any] | None) -> bool:
    """Return whether the state belongs to this job's current attempt."""
    return state is not None and (state.get("job"), state.get("attempt")) == (job.id, job.attempt)


def final_event(job: Job, state: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return the final event that the agent could not report, None when there is none that counts."""
    if state is None or not is_of(job, state) or state.get("status") in _NOT_FINISHED:
        return None
    try:
        event = checked(state["final"]) if isinstance(state.get("final"), dict) else {}
    except ShoplaunchError:
        # The account can write anything there
        return None
    is_of_attempt = (event.get("job"), event.get("attempt"), event.get("event")) == (job.id, job.attempt, "finished")
    return event if is_of_attempt else None


def finish(connection: sa.Connection, job: Job, event: Mapping[str, Any], now: float) -> dict[str, Any]:
    """Take the final event as if it had been reported; return the job's columns, {} when it does not count (any more).

    The same event over HTTP, before or after, has no further effect.
    """
    if not states.may(job.state, "agent_finished") or event["attempt"] != job.attempt:
        return {}
    if report_retention.is_known(connection, job, event):
        return {}
    stored = report_retention.keep(connection, job, event, now, counts=True)
    columns = stored | agent_events.finished(connection, replace(job, **stored), now)
    steps.update(connection, job.id, "agent", note="its report was read through the panel")
    # The agent waits until this is acknowledged
    return columns | facts.column(replace(facts.after(job, columns), ack_seq=event["seq"]))


def last_number(state: Mapping[str, Any] | None) -> int:
    """Return the number of the last event noted in the state, 0 when there is none."""
    found = ((state or {}).get("callback") or {}).get("seq", 0)
    return min(int(found), MAX_SEQ)


def progress(state: Mapping[str, Any], now: float) -> dict[str, Any]:
    """Return the columns that show people the agent's progress."""
    latest = now + agent_events.CLOCK_SECONDS
    known = {
        name: {
            "state": stage["state"],
            "started_at": _bounded(stage.get("started_at"), latest),
            "finished_at": _bounded(stage.get("finished_at"), latest),
            "seconds": _bounded(stage.get("seconds"), latest),
        }
        for name, stage in (state.get("stages") or {}).items()
        if name in STAGES
    }
    columns: dict[str, Any] = {"progress": known, "stage": state.get("stage")}
    if state.get("percent") is not None:
        columns["percent"] = min(state["percent"], agent_events.MAX_AGENT_PERCENT)
    return columns


def _bounded(number: float | None, latest: float) -> float | None:
    return None if number is None else max(0.0, min(number, latest))
