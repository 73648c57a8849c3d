"""How the agent of an attempt was started, how long that took, and when it is to be expected."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from controller.db import facts
from controller.db.facts import Asked, Facts, FirstReport
from controller.db.jobs import Job
from controller.panels.start import WAYS

if TYPE_CHECKING:
    from shared.documents import Event

CRON = "cron"
#: The error of an agent that was started at once and leaves the work to the one that cron starts.
LIMITS = "limits_too_small"
#: An agent that was started at once reports within this time; after that, cron's next tick is expected.
ANSWER_SECONDS = 10.0
DEFAULT_CRON_SECONDS = 60


class Start(NamedTuple):
    """`way` is CRON or one of WAYS; `reason` says why it was cron, "" where nothing else was tried; `waited` is the
    seconds from the cron line to the first report, None where that is unknown."""

    way: str
    reason: str
    waited: float | None


def first_event(known: Facts, event: Event, now: float) -> Facts | None:
    """Return the facts including the attempt's first report, or that of an agent which leaves the work to cron's; None
    where `event` is neither."""
    if known.first_event is not None:
        return None
    error = event.get("error")
    if event["event"] == "failed" and error and error["code"] == LIMITS:
        return replace(known, limited=True)
    if event["event"] != "started":
        return None
    way = str(event.get("start"))
    return replace(known, first_event=FirstReport(now, way if way in WAYS else CRON))


def reported(known: Facts) -> tuple[str, str] | None:
    """Return by which way the attempt's agent was started at once and, where that was in vain, the reason, as agents
    have reported it; None as long as they have not."""
    first, way = known.first_event, (known.start or Asked()).way
    if first is not None and first.way in WAYS:
        return first.way, ""
    return (way, _reason(known)) if way and (first is not None or known.limited) else None


def of(job: Job) -> Start | None:
    """Return how the attempt's agent was started, None before its first report."""
    known = facts.of(job)
    first = known.first_event
    if first is None:
        return None
    # A report may come before step cron is noted, and the clock may be set back meanwhile
    asked = known.start or Asked()
    waited = None if asked.at is None else max(0.0, first.at - asked.at)
    return Start(first.way, _reason(known) if first.way == CRON else "", waited)


def _reason(known: Facts) -> str:
    """Return why cron had to start the agent; one that was started at once may have been limited, or never reported."""
    asked = known.start or Asked()
    without_report = "limited" if known.limited else "unheard"
    return without_report if asked.way else asked.reason


def expected_in(job: Job, now: float) -> float | None:
    """Return in how many seconds the agent starts at the latest, as far as known, 0.0 for one that was started; None
    where none is to be expected."""
    if job.state != "dropped":
        return None
    known = facts.of(job)
    asked = known.start or Asked()
    if asked.way and asked.at is not None and abs(now - asked.at - asked.seconds) < ANSWER_SECONDS:
        return 0.0
    every = known.cron_seconds or DEFAULT_CRON_SECONDS
    # Cron's intervals start at the full hour
    return math.floor(now / every) * every + every - now
