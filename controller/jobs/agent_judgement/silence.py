"""Silence: when an agent has been quiet for too long, and what the panel's view means then. Pure decisions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from controller.db import facts
from controller.db.jobs import Job
from controller.jobs.agent_judgement import agent_trouble
from controller.jobs.agent_judgement.sight import PYTHON_MISSING, Sight
from controller.jobs.record import sanitize
from shared.errors import ShoplaunchError

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

    `kind` is `works` (it works but cannot reach the controller), `failed` (it gave up, and could not report that),
    `stalled`, or `quiet` (too early to say); `error` says why, in the usual shape of `error`.
    """

    kind: str
    error: Mapping[str, Any]
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


def verdict(job: Job, sight: Sight, now: float) -> Verdict:
    """Return the verdict on the silence, from what lies in the account."""
    state = sight.state or {}
    if state.get("error") == PYTHON_MISSING:
        return Verdict("failed", ShoplaunchError(PYTHON_MISSING, "the launcher found no Python").as_dict())
    is_of_attempt = (state.get("job"), state.get("attempt")) == (job.id, job.attempt) or _cannot_begin(job, state)
    gave_up = state.get("status") == "failed" and isinstance(state.get("error"), dict)
    if gave_up and (is_of_attempt or _refused(job, state)):
        return Verdict("failed", _reported(state["error"]))
    if job.expires_at is not None and now >= job.expires_at:
        message = "the job was not finished in time" + agent_trouble.before(job)
        return Verdict("stalled", ShoplaunchError("job_expired", message).as_dict())
    if is_of_attempt and _moved(job, state, now):
        return Verdict("works", _why_unheard(state), float(state["updated_at"]))
    if now < end_of_patience(job):
        return Verdict("quiet", {})
    if is_of_attempt or job.heard_at is not None:
        return Verdict("stalled", ShoplaunchError("agent_silent", _last_seen(job, state, now)).as_dict())
    if not sight.cron_line:
        message = "cron never started the agent: its line is not in the account's crontab"
    else:
        message = f"cron did not start the agent within {TICKS} ticks of {cron_seconds(job)} seconds"
    return Verdict("stalled", ShoplaunchError("cron_never_fired", message).as_dict())


def _cannot_begin(job: Job, state: Mapping[str, Any]) -> bool:
    """Return whether limits of the account keep the agent of this attempt from beginning."""
    named = state.get("refused") or {}
    return state.get("status") == "waiting" and (named.get("job"), named.get("attempt")) == (job.id, job.attempt)


def _refused(job: Job, state: Mapping[str, Any]) -> bool:
    """Return whether the agent refused this attempt's job file: its state names the attempt if the file was authentic,
    else it must be newer than the file."""
    if state["error"].get("code") not in REFUSALS:
        return False
    named = state.get("refused") or {}
    if named.get("job") == job.id:
        return bool(named["attempt"] == job.attempt)
    return bool(state.get("updated_at", 0.0) >= (job.dropped_at or job.updated_at))


def _moved(job: Job, state: Mapping[str, Any], now: float) -> bool:
    """Return whether the agent's state was written since the last probe; the clocks may differ, so only the first probe
    compares it with the controller's."""
    updated = state.get("updated_at")
    if updated is None:
        return False
    seen = facts.of(job).state_updated_at
    return bool(now - updated < patience(job)) if seen is None else updated != seen


def _why_unheard(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return the error that keeps the agent waiting if it has one, else that it cannot reach the controller."""
    error = state.get("error")
    if state.get("status") == "waiting" and isinstance(error, dict) and error.get("code") != "callback_failed":
        return _reported(error)
    reason = sanitize.one_line(str((state.get("callback") or {}).get("last_error") or "")[:300])
    message = f"the agent works but cannot reach the controller: {reason or 'no answer'}"
    return dict(ShoplaunchError(BLOCKED, message).as_dict())


def _last_seen(job: Job, state: Mapping[str, Any], now: float) -> str:
    heard = max(job.heard_at or 0.0, facts.of(job).seen_at)
    since = f" for {round(now - heard)} seconds" if heard else ""
    return f"the agent is silent{since}, last in stage {state.get('stage') or job.stage or 'unknown'}"


def _reported(error: Mapping[str, Any]) -> dict[str, Any]:
    """Return the agent's own error in the usual shape; the account may have written anything there."""
    fields = {name: str(error.get(name, ""))[:4000] for name in ("code", "message")}
    if not _CODE.match(fields["code"]):
        fields["code"] = "internal"
    return sanitize.agents_error_of({**fields, "retryable": bool(error.get("retryable"))})
