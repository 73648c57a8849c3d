"""Silence: when an agent has been quiet for too long, and what the panel's view means then. Pure decisions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from controller.db import facts
from controller.db.jobs import Job
from controller.jobs.agent_judgement import agent_trouble
from controller.jobs.agent_judgement.sight import NO_STATE, PYTHON_MISSING, Sight
from controller.jobs.record import sanitize
from shared.errors import ShoplaunchError

if TYPE_CHECKING:
    from shared.documents import Error, State

#: Cron ticks to start the agent, and the time the agent has for its first report.
TICKS = 3
START_SECONDS = 90
#: Between two signs of life of an agent at work.
HEARTBEAT_SECONDS = 30
#: Heartbeats that may be lost; the next tick restarts a killed agent.
LOST_BEATS = 8
DEFAULT_CRON_SECONDS = 60
#: Interval of the probes for an agent whose reports are known not to arrive.
LOOK_SECONDS = 60
#: Errors of an agent that refuses its job file; its state then names no attempt, or still the one before.
REFUSALS = ("signature_invalid", "job_exposed", "wrong_account", "job_format", "job_invalid", "job_missing")
#: The only error of a working agent that the controller sets, not the agent.
BLOCKED = "network_blocked"
_CODE = re.compile(r"[a-z][a-z0-9_]{1,63}\Z")


@dataclass(frozen=True)
class Verdict:
    """The verdict of a probe on a silent agent.

    `kind` is `works` (it works but cannot reach the controller), `failed` (it gave up, and could not report that) or
    `stalled`; `error` says why.
    """

    kind: str
    error: Error
    updated_at: float | None = None


def cron_seconds(job: Job) -> int:
    """Return the cron interval that was read back from the panel, in seconds."""
    return facts.of(job).cron_seconds or DEFAULT_CRON_SECONDS


def patience(job: Job) -> float:
    """Return how long an agent may be quiet after its first report, in seconds."""
    return LOST_BEATS * HEARTBEAT_SECONDS + 2 * cron_seconds(job)


def is_blocked(job: Job, heard_at: float | None = None) -> bool:
    """Return whether the last sign of the agent's work came through the panel, not by its reports."""
    return facts.of(job).blocked_at > max(heard_at or 0.0, job.heard_at or 0.0)


def end_of_patience(job: Job, heard_at: float | None = None) -> float:
    """Return when the job's patience with silence (or its validity) ends; `heard_at` is newer than the job's own."""
    heard = max(heard_at or 0.0, job.heard_at or 0.0, facts.of(job).seen_at)
    if heard:
        end = heard + patience(job)
    else:
        end = (job.dropped_at or job.updated_at) + TICKS * cron_seconds(job) + START_SECONDS
    return end if job.expires_at is None else min(end, job.expires_at)


def deadline(job: Job, heard_at: float | None = None) -> float:
    """Return when the agent has to be probed through the panel: at the end of patience, and every minute for an agent
    whose reports are known not to arrive."""
    end = end_of_patience(job, heard_at)
    if is_blocked(job, heard_at):
        looked = max(facts.of(job).looked_at, job.dropped_at or 0.0)
        end = min(end, looked + LOOK_SECONDS)
    end = max(end, facts.of(job).look_at)
    return end if job.expires_at is None else min(end, job.expires_at)


def is_due(job: Job, now: float) -> bool:
    """Return whether the agent has to be probed through the panel."""
    return now >= deadline(job)


def verdict(job: Job, sight: Sight, now: float) -> Verdict | None:
    """Return the verdict on the silence, from what lies in the account; None: it is too early to say."""
    state = sight.state or NO_STATE
    error = state.get("error")
    if error == PYTHON_MISSING:
        return Verdict("failed", ShoplaunchError(PYTHON_MISSING, "the launcher found no Python").as_dict())
    is_of_attempt = (state.get("job"), state.get("attempt")) == (job.id, job.attempt) or _cannot_begin(job, state)
    gave_up = state.get("status") == "failed"
    if gave_up and isinstance(error, dict) and (is_of_attempt or _refused(job, state, error)):
        return Verdict("failed", _reported(error))
    if job.expires_at is not None and now >= job.expires_at:
        message = "the job was not finished in time" + agent_trouble.before(job)
        return Verdict("stalled", ShoplaunchError("job_expired", message).as_dict())
    if is_of_attempt and _moved(job, state, now):
        return Verdict("works", _why_unheard(state), float(state["updated_at"]))
    if now < end_of_patience(job):
        return None
    if is_of_attempt or job.heard_at is not None:
        return Verdict("stalled", ShoplaunchError("agent_silent", _last_seen(job, state, now)).as_dict())
    if not sight.cron_line:
        message = "cron never started the agent: its line is not in the account's crontab"
    else:
        message = f"cron did not start the agent within {TICKS} ticks of {cron_seconds(job)} seconds"
    return Verdict("stalled", ShoplaunchError("cron_never_fired", message).as_dict())


def _cannot_begin(job: Job, state: State) -> bool:
    """Return whether limits of the account keep the agent of this attempt from beginning."""
    named = state.get("refused")
    if state.get("status") != "waiting" or named is None:
        return False
    return (named["job"], named["attempt"]) == (job.id, job.attempt)


def _refused(job: Job, state: State, error: Mapping[str, object]) -> bool:
    """Return whether the agent refused this attempt's job file: its state names the attempt if the file was authentic,
    else it must be newer than the file."""
    if error.get("code") not in REFUSALS:
        return False
    named = state.get("refused")
    if named is not None and named["job"] == job.id:
        return named["attempt"] == job.attempt
    return state.get("updated_at", 0.0) >= (job.dropped_at or job.updated_at)


def _moved(job: Job, state: State, now: float) -> bool:
    """Return whether the agent's state was written since the last probe; the clocks may differ, so only the first probe
    compares it with the controller's."""
    updated = state.get("updated_at")
    if updated is None:
        return False
    seen = facts.of(job).state_updated_at
    return now - updated < patience(job) if seen is None else updated != seen


def _why_unheard(state: State) -> Error:
    """Return the error that keeps the agent waiting if it has one, else that it cannot reach the controller."""
    error = state.get("error")
    if state.get("status") == "waiting" and isinstance(error, dict) and error.get("code") != "callback_failed":
        return _reported(error)
    reason = sanitize.one_line(str((state.get("callback") or {}).get("last_error") or "")[:300])
    message = f"the agent works but cannot reach the controller: {reason or 'no answer'}"
    return ShoplaunchError(BLOCKED, message).as_dict()


def _last_seen(job: Job, state: State, now: float) -> str:
    heard = max(job.heard_at or 0.0, facts.of(job).seen_at)
    since = f" for {round(now - heard)} seconds" if heard else ""
    return f"the agent is silent{since}, last in stage {state.get('stage') or job.stage or 'unknown'}"


def _reported(error: Mapping[str, object]) -> Error:
    """Return the agent's own error in the usual shape; the account may have written anything there."""
    code, message = (str(error.get(name, ""))[:4000] for name in ("code", "message"))
    code = code if _CODE.match(code) else "internal"
    retryable = bool(error.get("retryable"))
    return sanitize.agents_error_of({"code": code, "message": message, "advice": "", "retryable": retryable})
