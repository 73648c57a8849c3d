"""How the agent of an attempt was started, how long that was waited for, and when it is to be expected."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from controller.db.jobs import Job
from controller.panels.start import WAYS

#: The fact of the attempt's first report: {"at", "way"}.
FIRST = "first_event"
#: What step cron noted: {"way", "reason", "seconds", "at"}; `at` is when the cron line was there.
ASKED = "start"
CRON = "cron"
#: An agent that was started at once says so within so long; then cron's next tick is what counts.
ANSWER_SECONDS = 10.0
DEFAULT_CRON_SECONDS = 60


class Start(NamedTuple):
    """`way` is CRON or one of WAYS; `reason` says why it was cron, "" where nobody asked for more; `waited` is the
    seconds from the cron line to the first report, None where that is not known."""

    way: str
    reason: str
    waited: float | None


def first_event(job: Job, event: Mapping[str, Any], now: float) -> dict[str, Any] | None:
    """Return the job's facts with the attempt's first report among them; None where `event` is not the first."""
    if event["event"] != "started" or FIRST in job.facts:
        return None
    way = event.get("start")
    return {**job.facts, FIRST: {"at": now, "way": way if way in WAYS else CRON}}


def of(job: Job) -> Start | None:
    """Return how the attempt's agent was started, None before it was heard."""
    first = job.facts.get(FIRST)
    if first is None:
        return None
    # A report may come before step cron is noted, and the clock be set back meanwhile
    asked = job.facts.get(ASKED) or {}
    waited = None if "at" not in asked else max(0.0, float(first["at"]) - float(asked["at"]))
    way = str(first["way"])
    return Start(way, _reason(asked) if way == CRON else "", waited)


def _reason(asked: Mapping[str, Any]) -> str:
    """Return why cron had to start the agent: one that was started at once, and said nothing, vanished."""
    return "unheard" if asked.get("way") else str(asked.get("reason") or "")


def expected_in(job: Job, now: float) -> float | None:
    """Return how many seconds from now the agent starts at the latest by what is known, 0.0 for one that was started;
    None where there is nothing to expect."""
    if job.state != "dropped":
        return None
    asked = job.facts.get(ASKED) or {}
    if asked.get("way") and abs(now - float(asked["at"]) - float(asked["seconds"])) < ANSWER_SECONDS:
        return 0.0
    every = int(job.facts.get("cron_seconds", DEFAULT_CRON_SECONDS))
    # Cron's intervals begin with the hour
    return math.floor(now / every) * every + every - now
