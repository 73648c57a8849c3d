"""How the agent of an attempt was started, how long that took, and when it is to be expected."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from controller.db import facts
from controller.db.facts import Asked, Facts, FirstReport
from controller.db.jobs import Job
from controller.panels.start import WAYS

CRON = "cron"
#: An agent that was started at once reports within this time; after that, cron's next tick is expected.
ANSWER_SECONDS = 10.0
DEFAULT_CRON_SECONDS = 60


class Start(NamedTuple):
    """`way` is CRON or one of WAYS; `reason` says why it was cron, "" where nothing else was tried; `waited` is the
    seconds from the cron line to the first report, None where that is unknown."""

    way: str
    reason: str
    waited: float | None


def first_event(known: Facts, event: Mapping[str, Any], now: float) -> Facts | None:
    """Return the facts including the attempt's first report; None where `event` is not the first."""
    if event["event"] != "started" or known.first_event is not None:
        return None
    way = str(event.get("start"))
    return replace(known, first_event=FirstReport(now, way if way in WAYS else CRON))


def of(job: Job) -> Start | None:
    """Return how the attempt's agent was started, None before its first report."""
    known = facts.of(job)
    first = known.first_event
    if first is None:
        return None
    # A report may come before step cron is noted, and the clock may be set back meanwhile
    asked = known.start or Asked()
    waited = None if asked.at is None else max(0.0, first.at - asked.at)
    return Start(first.way, _reason(asked) if first.way == CRON else "", waited)


def _reason(asked: Asked) -> str:
    """Return why cron had to start the agent; one that was started at once and never reported has vanished."""
    return "unheard" if asked.way else asked.reason


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
