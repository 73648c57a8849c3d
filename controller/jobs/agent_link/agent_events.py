"""Takes agents' reports: whose report it is, whether it counts, and how it changes the job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import sqlalchemy as sa

from controller import measures
from controller.db import facts, jobs, steps
from controller.db.connection.group_commit import GroupCommit
from controller.db.documents import JobColumns, StageProgress
from controller.db.jobs import Job
from controller.db.machines import servers
from controller.jobs.agent_judgement import agent_trouble, silence, starting
from controller.jobs.agent_link import rates, report_retention
from controller.jobs.agent_link.reports import checked, is_final
from controller.jobs.lifecycle import changes, plan, states
from controller.jobs.record.tokens import AgentToken
from shared.errors import ShoplaunchError

if TYPE_CHECKING:
    from shared.documents import Error, Event

#: Until the controller's own checks are done the shop is not complete, whatever the agent says.
MAX_AGENT_PERCENT = 97
FINISHED_PERCENT = 98
#: After these events the worker has something to do.
MOVING = ("finished", "failed", "cleaned")
_OF_A_STAGE = ("stage_started", "stage_finished")
#: An agent's clock may be wrong; its times are shown as no later than this after now.
CLOCK_SECONDS = 86400.0
#: How long after the validity of its job file an attempt's token is accepted: a host that was down for days can still
#: report how the attempt ended.
LATE_SECONDS = 7 * 86400.0
#: Interval of the panel checks for what an agent reports as removed.
CLEANED_SECONDS = 60.0


def record(group_commit: GroupCommit, holder: AgentToken, document: Mapping[str, object], size: int, now: float) -> int:
    """Take the event `document` of `size` bytes; return the job's attempt.

    An event that was taken before changes nothing, nor does one that comes after the validity of its attempt without
    ending it.

    Raises ShoplaunchError `token_invalid` (401), `superseded` (409: a newer attempt exists), `cancelled` (410),
    `event_invalid` (400), `events_too_fast` (429), `events_full` (413).
    """
    event = checked(document)
    if (event["job"], event["attempt"]) != (holder.job, holder.attempt):
        raise ShoplaunchError("token_invalid", "the token is of another job or attempt")
    before, job = group_commit.transact(lambda connection: _take(connection, holder, event, size, now))
    stage = event.get("stage") if event["event"] == "stage_finished" else None
    if stage is not None and job.progress != before.progress:
        # Once it is stored, and in the thread that knows which job is traced
        measures.stage_ended(stage, event.get("seconds"))
    return job.attempt


def job_of(connection: sa.Connection, holder: AgentToken, *, lock: bool = False) -> Job:
    """Return the job whose current attempt holds `holder`. Raises ShoplaunchError `token_invalid`, `superseded`."""
    try:
        job = jobs.get(connection, holder.job, lock=lock)
    except ShoplaunchError as error:
        # A refused token ends the attempt for good, so trouble of the database must not be reported as one
        if error.code != "job_unknown":
            raise
        raise ShoplaunchError("token_invalid", "the token's job is not known here") from None
    if holder.attempt > job.attempt:
        raise ShoplaunchError("token_invalid", "the token is of an attempt that was never made")
    if holder.attempt < job.attempt:
        raise ShoplaunchError("superseded", f"attempt {job.attempt} has taken over")
    return job


def is_over(job: Job, holder: AgentToken, now: float, late: float = 0.0) -> bool:
    """Return whether the validity of the job file that `holder` came with ended at least `late` seconds ago.

    The file of an attempt being prepared may lie in the account before its validity is noted, and an agent that rolls
    back has a new one: their tokens, as old as they, say how long these are valid.
    """
    end = job.expires_at
    if end is None or job.state in (states.PREPARING, states.CANCELLED):
        end = max(end or 0.0, holder.until)
    return now >= end + late


def _take(connection: sa.Connection, holder: AgentToken, event: Event, size: int, now: float) -> tuple[Job, Job]:
    """Return the job before and after the event."""
    job = job_of(connection, holder, lock=True)
    if is_over(job, holder, now, LATE_SECONDS):
        raise ShoplaunchError("token_invalid", "the token is too old")
    if job.state == states.CANCELLED and event["event"] != "cleaned":
        raise ShoplaunchError("cancelled", "the job was cancelled")
    counted = _spend(job, event, size, now)
    columns = _changes(connection, job, event, now, is_late=is_over(job, holder, now))
    if columns:
        return job, jobs.update(connection, job, now, **(counted | columns))
    return job, jobs.count(connection, job, **counted)


def _spend(job: Job, event: Event, size: int, now: float) -> JobColumns:
    """Return the column that counts the event. Raises ShoplaunchError `events_too_fast`."""
    is_heartbeat = event["event"] == rates.HEARTBEAT
    former = job.heartbeats_until if is_heartbeat else job.reports_until
    until, wait = rates.rate_of(event["event"]).spend(former, rates.units(size), now)
    if wait:
        raise rates.too_fast(wait)
    return {"heartbeats_until": until} if is_heartbeat else {"reports_until": until}


def _changes(connection: sa.Connection, job: Job, event: Event, now: float, *, is_late: bool) -> JobColumns:
    """Return the job's columns after `event`, {} when it has no effect (any more); `is_late`: its file is not valid."""
    if job.forgotten_at is not None:
        # The client's data in it was erased, and must stay erased
        return {}
    counts = is_final(event) and states.may(job.state, f"agent_{event['event']}")
    if is_late and not counts and event["event"] != "cleaned":
        return {}
    stored: JobColumns = {}
    if event["seq"]:
        if not report_retention.is_known(connection, job, event):
            stored = report_retention.keep(connection, job, event, now, counts=counts)
        # An agent that was placed again for the rollback counts from one again
        elif job.state != states.CANCELLED:
            return {}
    columns = stored | _effect(connection, jobs.after(job, stored), event, now)
    first = starting.first_event(facts.after(job, columns), event, now)
    if first is None or not states.may(job.state, "agent_works"):
        return columns
    if (came := starting.reported(first)) is not None:
        servers.note_report(connection, job.server, *came, now, job.account)
    return columns | facts.column(first)


def _effect(connection: sa.Connection, job: Job, event: Event, now: float) -> JobColumns:
    """Return the job's columns after `event`; reports that come late or out of order leave the state alone."""
    kind = event["event"]
    # A live shop needs no agent any more
    if job.state == states.LIVE and kind != "cleaned":
        return {}
    columns: JobColumns = {"heard_at": now, **_progress(job, event, now)}
    if kind == "cleaned":
        return columns | _cleaned(connection, job, now)
    if kind == "finished":
        return columns | finished(connection, job, now)
    if kind == "failed" and (error := event.get("error")):
        return columns | _failed(connection, job, event, error, now)
    return columns | _works(connection, job, event, now) if states.may(job.state, "agent_works") else columns


def _works(connection: sa.Connection, job: Job, event: Event, now: float) -> JobColumns:
    """The agent is at work. Its last error is shown until it gets further, as every cron tick starts it anew."""
    _at_work(connection, job)
    columns: JobColumns = {**changes.moved(job, "agent_works"), "step": "agent"}
    known = agent_trouble.of(job)
    finished_stage = event.get("stage") if event["event"] == "stage_finished" else None
    if known is not None and agent_trouble.is_over(known, event.get("percent"), finished_stage):
        columns |= facts.column(replace(facts.of(job), trouble=None))
        known = None
    columns["error"] = None if known is None else known.error
    columns["alarm"] = job.alarm if known is not None and job.state == states.RESTORING else ""
    return columns | {"wake_at": now if columns["alarm"] == "wanted" else silence.deadline(job, now)}


def _at_work(connection: sa.Connection, job: Job) -> None:
    """Mark the agent's step as running, as it is in every job that is being restored already."""
    if job.state != states.RESTORING:
        steps.update(connection, job.id, "agent", state=steps.RUNNING, error=None)


def _progress(job: Job, event: Event, now: float) -> JobColumns:
    columns: JobColumns = {}
    if not states.may(job.state, "agent_works"):
        return columns
    if (percent := event.get("percent")) is not None:
        # Heartbeats overtake reports that wait in the outbox
        columns["percent"] = max(job.percent, min(percent, MAX_AGENT_PERCENT))
    stage, kind = event.get("stage"), event["event"]
    known = dict(job.progress)
    at = min(event["at"], now + CLOCK_SECONDS)
    if stage is None:
        return columns
    before: StageProgress = known.get(stage, {"state": "running"})
    if at < _known_until(before):
        return columns
    columns["stage"] = stage
    if kind == "stage_started":
        known[stage] = {"state": "running", "started_at": at}
    elif kind == "stage_finished":
        known[stage] = {
            "state": "done",
            "started_at": before.get("started_at"),
            "finished_at": at,
            "seconds": event.get("seconds"),
        }
    elif kind == "failed" and not ((error := event.get("error")) and error["retryable"]):
        known[stage] = {**before, "state": "failed", "finished_at": at}
    return columns | {"progress": known} if kind in (*_OF_A_STAGE, "failed") else columns


def _known_until(stage: StageProgress) -> float:
    """Return when, by the agent's clock, the last known change of the stage was: earlier reports are outdated."""
    return max(stage.get("started_at") or 0.0, stage.get("finished_at") or 0.0)


def _failed(connection: sa.Connection, job: Job, event: Event, error: Error, now: float) -> JobColumns:
    if error["retryable"]:
        # Its cron line stays: the next tick starts it again
        if not states.may(job.state, "agent_works"):
            return {}
        _at_work(connection, job)
        kept, lasts = agent_trouble.met(job, error, event.get("stage"), event.get("percent"), now)
        alarm = "wanted" if lasts else job.alarm
        note: JobColumns = {**changes.moved(job, "agent_works"), "step": "agent", "error": error, "alarm": alarm}
        note["wake_at"] = now if alarm == "wanted" else silence.deadline(job, now)
        return note | facts.column(replace(facts.of(job), trouble=kept))
    if not states.may(job.state, "agent_failed"):
        return {}
    if error["code"] == "job_expired":
        error = {**error, "message": error["message"] + agent_trouble.before(job)}
    steps.update(connection, job.id, "agent", state=steps.FAILED, error=error, finished_at=now)
    return changes.failed(job, "agent_failed", "agent", error, now)


def finished(connection: sa.Connection, job: Job, now: float) -> JobColumns:
    """Return the columns of a job whose agent has finished; {} where that has no effect any more."""
    if not states.may(job.state, "agent_finished"):
        return {}
    steps.update(connection, job.id, "agent", state=steps.DONE, error=None, finished_at=now)
    first = plan.first(job.kind, plan.FINISH)
    columns: JobColumns = {**changes.moved(job, "agent_finished"), "step": first, "error": None}
    columns |= {"alarm": "", "percent": FINISHED_PERCENT, "wake_at": now}
    return columns | facts.column(replace(facts.of(job), finished_at=now, trouble=None))


def _cleaned(connection: sa.Connection, job: Job, now: float) -> JobColumns:
    if job.state == states.CANCELLED:
        undo = facts.of(job).undo
        placed = undo.placed_at or 0.0
        if undo.state == facts.UNDO_DONE:
            return {}
        was_just_heard = undo.heard_at >= placed and 0.0 <= now - undo.heard_at < CLEANED_SECONDS
        # Accepted only after a check through the panel. Always noted: the agent may be placed anew at this moment
        heard = facts.column(replace(facts.of(job), undo=replace(undo, heard_at=now)))
        return heard if was_just_heard else {"wake_at": now, **heard}
    if job.state == states.FINISHING and not facts.of(job).cleaned:
        # The step that checks whether the agent is gone need not wait for its next try
        steps.update(connection, job.id, plan.first(job.kind, plan.FINISH), not_before=None)
        return {"wake_at": now, **facts.column(replace(facts.of(job), cleaned=True))}
    return {}
