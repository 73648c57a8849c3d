"""Silence: when an agent has been quiet for too long, and what the panel's view makes of it. Pure decisions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from controller.db.jobs import Job
from controller.jobs.lifecycle import agent_trouble, facts, sanitize
from controller.jobs.lifecycle.sight import PYTHON_MISSING, Sight
from shared.errors import ShoplaunchError

#: Ticks cron gets to start the agent, and the time the agent gets to say something.
TICKS = 3
START_SECONDS = 90
#: Between two signs of life of an agent at work.
HEARTBEAT_SECONDS = 30
#: Heartbeats that may be lost; a killed agent is started again by the next tick.
LOST_BEATS = 8
DEFAULT_CRON_SECONDS = 60
#: Between two looks for an agent that is known not to get through.
LOOK_SECONDS = 60
#: Why the agent does not work for a job file; its state then is nobody's, or still the attempt's before.
REFUSALS = ("signature_invalid", "job_exposed", "wrong_account", "job_format", "job_invalid", "job_missing")
#: The one error of an agent at work that is our word, not its own.
BLOCKED = "network_blocked"
_CODE = re.compile(r"[a-z][a-z0-9_]{1,63}\Z")


@dataclass(frozen=True)
class Verdict:
    """What a look through the panel says of a silent agent.

    `kind` is `works` (it works but cannot reach us), `failed` (it gave up, and could not say so), `stalled`, or
    `quiet` (too early to say); `error` says why, in the shape of `error` everywhere.
    """

    kind: str
    error: Mapping[str, Any]
    updated_at: float | None = None


def cron_seconds(job: Job) -> int:
    """Return the cron interval that was read back from the panel, in seconds."""
    return facts.of(job).cron_seconds or DEFAULT_CRON_SECONDS


def patience(job: Job) -> float:
    """Return how long an agent that was heard may be quiet, in seconds."""
    return LOST_BEATS * HEARTBEAT_SECONDS + 2 * cron_seconds(job)


def is_blocked(job: Job, heard_at: float | None = None) -> bool:
    """Tell whether the agent was last found working through the panel, and not heard since."""
    return facts.of(job).blocked_at > max(heard_at or 0.0, job.heard_at or 0.0)


def end_of_patience(job: Job, heard_at: float | None = None) -> float:
    """Return when the job's silence (or its validity) is over; `heard_at` is newer than the job's own."""
    heard = max(heard_at or 0.0, job.heard_at or 0.0, facts.of(job).seen_at)
    if heard:
        end = heard + patience(job)
    else:
        end = (job.dropped_at or job.updated_at) + TICKS * cron_seconds(job) + START_SECONDS
    return end if job.expires_at is None else min(end, job.expires_at)


def deadline(job: Job, heard_at: float | None = None) -> float:
    """Return when somebody has to look through the panel: at the end of patience, and every minute for an agent that
    is known not to get through."""
    end = end_of_patience(job, heard_at)
    if is_blocked(job, heard_at):
        looked = max(facts.of(job).looked_at, job.dropped_at or 0.0)
        end = min(end, looked + LOOK_SECONDS)
    end = max(end, facts.of(job).look_at)
    return end if job.expires_at is None else min(end, job.expires_at)


def is_due(job: Job, now: float) -> bool:
    """Tell whether somebody has to look through the panel."""
    return now >= deadline(job)


def verdict(job: Job, sight: Sight, now: float) -> Verdict:
    """Return what to make of the silence, from what lies in the account."""
    state = sight.state or {}
    if state.get("error") == PYTHON_MISSING:
        return Verdict("failed", ShoplaunchError(PYTHON_MISSING, "the launcher found no Python").as_dict())
    ours = (state.get("job"), state.get("attempt")) == (job.id, job.attempt)
    gave_up = state.get("status") == "failed" and isinstance(state.get("error"), dict)
    if gave_up and (ours or _refused(job, state)):
        return Verdict("failed", _reported(state["error"]))
    if job.expires_at is not None and now >= job.expires_at:
        message = "the job was not finished in time" + agent_trouble.before(job)
        return Verdict("stalled", ShoplaunchError("job_expired", message).as_dict())
    if ours and _moved(job, state, now):
        return Verdict("works", _why_unheard(state), float(state["updated_at"]))
    if now < end_of_patience(job):
        return Verdict("quiet", {})
    if ours or job.heard_at is not None:
        return Verdict("stalled", ShoplaunchError("agent_silent", _last_seen(job, state, now)).as_dict())
    if not sight.cron_line:
        message = "cron never started the agent: its line is not in the account's crontab"
    else:
        message = f"cron did not start the agent within {TICKS} ticks of {cron_seconds(job)} seconds"
    return Verdict("stalled", ShoplaunchError("cron_never_fired", message).as_dict())


def _refused(job: Job, state: Mapping[str, Any]) -> bool:
    """Tell whether the agent refused this attempt's job file: it names the attempt where it could believe that much,
    else it said so since the file was put there."""
    if state["error"].get("code") not in REFUSALS:
        return False
    named = state.get("refused") or {}
    if named.get("job") == job.id:
        return bool(named["attempt"] == job.attempt)
    return bool(state.get("updated_at", 0.0) >= (job.dropped_at or job.updated_at))


def _moved(job: Job, state: Mapping[str, Any], now: float) -> bool:
    """Tell whether the agent's state was written since we last looked; the clocks may differ, so only a first look
    compares it with ours."""
    updated = state.get("updated_at")
    if updated is None:
        return False
    seen = facts.of(job).state_updated_at
    return bool(now - updated < patience(job)) if seen is None else updated != seen


def _why_unheard(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return what keeps the agent waiting when it is something else than us, else that it cannot reach us."""
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
    """Return the agent's own error in our shape; the account could have written anything there."""
    fields = {name: str(error.get(name, ""))[:4000] for name in ("code", "message")}
    if not _CODE.match(fields["code"]):
        fields["code"] = "internal"
    return sanitize.agents_error_of({**fields, "retryable": bool(error.get("retryable"))})
