"""What the agents report: whose report it is, whether it counts, and what it does to the job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from controller.db import events, jobs, steps
from controller.db.jobs import Job
from controller.db.together import Together
from controller.jobs import changes, foreign, silence, states, trouble, undoing
from controller.jobs.steps import plan
from controller.jobs.tokens import AgentToken, Tokens
from shared.errors import ShoplaunchError
from shared.events import MAX_KEPT_SEQ, STORED, check_event

#: Until our own checks are done, the shop is not complete, whatever the agent says.
MAX_AGENT_PERCENT = 97
FINISHED_PERCENT = 98
#: After these the worker has something to do.
MOVING = ("finished", "failed", "cleaned")
_OF_A_STAGE = ("stage_started", "stage_finished")
#: What the database's column holds.
MAX_SEQ = 2**31 - 1
#: Of every event this much is kept; more only of the one whose evidence counts.
_KEPT = ("job", "attempt", "seq", "event", "at", "stage", "percent", "seconds", "error")
#: An agent's clock may be wrong; what it says is not shown as later than this.
CLOCK_SECONDS = 86400.0


def record(together: Together, tokens: Tokens, token: str, event: Mapping[str, Any], now: float) -> int:
    """Take one event; return the job's attempt. An event that was taken before changes nothing.

    Raises ShoplaunchError `token_invalid` (401), `superseded` (409: a newer attempt exists), `cancelled` (410),
    `event_invalid` (400).
    """
    holder = tokens.read_agent(token)
    event = checked(event)
    if (event["job"], event["attempt"]) != (holder.job, holder.attempt):
        raise ShoplaunchError("token_invalid", "the token is of another job or attempt")
    job = together.transact(lambda connection: _take(connection, holder, event, now))
    return job.attempt


def checked(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return the event, harmless. Raises ShoplaunchError `event_invalid`."""
    found: dict[str, Any] = foreign.harmless(event, "event_invalid")
    check_event(found)
    if found["seq"] > MAX_SEQ or (found["seq"] == 0 and found["event"] in STORED):
        raise ShoplaunchError("event_invalid", f"event: a {found['event']} event cannot have number {found['seq']}")
    if found.get("error"):
        found["error"] = foreign.error_of(found["error"])
    return found


def job_of(connection: sa.Connection, holder: AgentToken, *, lock: bool = False) -> Job:
    """Return the job whose current attempt `holder` is. Raises ShoplaunchError `token_invalid`, `superseded`."""
    try:
        job = jobs.get(connection, holder.job, lock=lock)
    except ShoplaunchError:
        raise ShoplaunchError("token_invalid", "the token's job is not known here") from None
    if holder.attempt > job.attempt:
        raise ShoplaunchError("token_invalid", "the token is of an attempt that was never made")
    if holder.attempt < job.attempt:
        raise ShoplaunchError("superseded", f"attempt {job.attempt} has taken over")
    return job


def _take(connection: sa.Connection, holder: AgentToken, event: Mapping[str, Any], now: float) -> Job:
    job = job_of(connection, holder, lock=True)
    if job.state == states.CANCELLED and event["event"] != "cleaned":
        raise ShoplaunchError("cancelled", "the job was cancelled")
    # An agent that was put there once more to take back counts from one again
    if event["seq"] and not _is_new(connection, job, event, now) and job.state != states.CANCELLED:
        return job
    columns = _effect(connection, job, event, now)
    return jobs.update(connection, job, now, **columns) if columns else job


def _is_new(connection: sa.Connection, job: Job, event: Mapping[str, Any], now: float) -> bool:
    """Store the event, if it is one to keep; False when it was stored before."""
    if events.is_stored(connection, event["job"], event["attempt"], event["seq"]):
        return False
    counts = event["event"] == "finished" and states.may(job.state, "agent_finished")
    if counts or event["seq"] <= MAX_KEPT_SEQ:
        kept = event if counts else {name: event[name] for name in _KEPT if name in event}
        events.insert(connection, kept, now)
    return True


def _effect(connection: sa.Connection, job: Job, event: Mapping[str, Any], now: float) -> dict[str, Any]:
    """Return the job's columns after `event`; reports that come late or out of turn leave the state alone."""
    columns: dict[str, Any] = {"heard_at": now, **_progress(job, event, now)}
    kind = event["event"]
    if kind == "cleaned":
        return columns | _cleaned(connection, job, now)
    if kind == "finished":
        return columns | finished(connection, job, now)
    if kind == "failed" and event.get("error"):
        return columns | _failed(connection, job, event, now)
    return columns | _works(connection, job, event, now) if states.may(job.state, "agent_works") else columns


def _works(connection: sa.Connection, job: Job, event: Mapping[str, Any], now: float) -> dict[str, Any]:
    """The agent is at work. What it had met is shown until it gets further: every tick of cron starts it anew."""
    _at_work(connection, job)
    columns = {**changes.moved(job, "agent_works"), "step": "agent"}
    known = trouble.of(job)
    finished_stage = event.get("stage") if event["event"] == "stage_finished" else None
    if known is not None and trouble.is_over(known, event.get("percent"), finished_stage):
        columns |= changes.with_facts(job, trouble=None)
        known = None
    columns["error"] = None if known is None else known["error"]
    columns["alarm"] = job.alarm if known is not None and job.state == states.RESTORING else ""
    return columns | {"wake_at": now if columns["alarm"] == "wanted" else silence.deadline(job, now)}


def _at_work(connection: sa.Connection, job: Job) -> None:
    """The agent's step runs, as it does in every job that is being restored already."""
    if job.state != states.RESTORING:
        steps.update(connection, job.id, "agent", state=steps.RUNNING, error=None)


def _progress(job: Job, event: Mapping[str, Any], now: float) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    if not states.may(job.state, "agent_works"):
        return columns
    if event.get("percent") is not None:
        # Heartbeats overtake what waits for its turn
        columns["percent"] = max(job.percent, min(event["percent"], MAX_AGENT_PERCENT))
    stage, kind = event.get("stage"), event["event"]
    known = dict(job.progress)
    at = min(event["at"], now + CLOCK_SECONDS)
    if stage is None or at < _known_until(known.get(stage, {})):
        return columns
    columns["stage"] = stage
    if kind == "stage_started":
        known[stage] = {"state": "running", "started_at": at}
    elif kind == "stage_finished":
        known[stage] = {
            "state": "done",
            "started_at": known.get(stage, {}).get("started_at"),
            "finished_at": at,
            "seconds": event.get("seconds"),
        }
    elif kind == "failed" and not (event.get("error") or {}).get("retryable"):
        known[stage] = {**known.get(stage, {}), "state": "failed", "finished_at": at}
    return columns | {"progress": known} if kind in (*_OF_A_STAGE, "failed") else columns


def _known_until(stage: Mapping[str, Any]) -> float:
    """Return when the agent did what is known of the stage, by its own clock: what it did before is no news."""
    return max(stage.get("started_at") or 0.0, stage.get("finished_at") or 0.0)


def _failed(connection: sa.Connection, job: Job, event: Mapping[str, Any], now: float) -> dict[str, Any]:
    error = dict(event["error"])
    if error["retryable"]:
        # Its cron line stays: the next tick goes on by itself
        if not states.may(job.state, "agent_works"):
            return {}
        _at_work(connection, job)
        kept, tell = trouble.met(job, error, event.get("stage"), event.get("percent"), now)
        alarm = "wanted" if tell else job.alarm
        note = {**changes.moved(job, "agent_works"), "step": "agent", "error": error, "alarm": alarm}
        note["wake_at"] = now if alarm == "wanted" else silence.deadline(job, now)
        return note | changes.with_facts(job, trouble=kept)
    if not states.may(job.state, "agent_failed"):
        return {}
    if error["code"] == "job_expired":
        error["message"] += trouble.before(job)
    steps.update(connection, job.id, "agent", state=steps.FAILED, error=error, finished_at=now)
    return changes.failed(job, "agent_failed", "agent", error, now)


def finished(connection: sa.Connection, job: Job, now: float) -> dict[str, Any]:
    """Return the columns of a job whose agent is done; {} where that means nothing any more."""
    if not states.may(job.state, "agent_finished"):
        return {}
    steps.update(connection, job.id, "agent", state=steps.DONE, error=None, finished_at=now)
    columns = {**changes.moved(job, "agent_finished"), "step": "check", "error": None, "alarm": ""}
    columns |= {"percent": FINISHED_PERCENT, "wake_at": now}
    return columns | changes.with_facts(job, finished_at=now, trouble=None)


def _cleaned(connection: sa.Connection, job: Job, now: float) -> dict[str, Any]:
    if job.state == states.CANCELLED:
        if job.facts.get("undo") == undoing.DONE:
            return {}
        # Believed only after a look through the panel
        return {"wake_at": now, **changes.with_facts(job, undo_heard_at=now)}
    if job.state == states.FINISHING:
        # Whatever looks whether it is gone need not wait for its next look
        looks = next(step.name for step in plan.of(job.kind).values() if step.part == plan.FINISH)
        steps.update(connection, job.id, looks, not_before=None)
        return {"wake_at": now, **changes.with_facts(job, cleaned=True)}
    return {}
