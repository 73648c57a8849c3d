"""What an agent has met and tries to get over by itself: kept until it gets further, told when it lasts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from controller.db.jobs import Job
from controller.jobs.lifecycle import facts
from controller.jobs.lifecycle.facts import Trouble

#: An error that passes by itself has passed by then; after that somebody has to look.
LASTING_SECONDS = 600.0


def of(job: Job) -> Trouble | None:
    """Return what the agent of the current attempt has met and not got over yet, None when there is nothing."""
    return facts.of(job).trouble


def met(
    job: Job, error: Mapping[str, Any], stage: str | None, percent: int | None, now: float, *, told: bool = False
) -> tuple[Trouble, bool]:
    """Return (what to keep as the job's fact `trouble`, whether the operator is to be told of it now).

    The agent has met `error` at `stage` and `percent`; `told` says that the operator hears of it anyway. However the
    errors change: as long as the agent gets no further, it is one trouble.
    """
    known = of(job) or Trouble(error, stage, 0, now, False)
    lasts = now - known.since >= LASTING_SECONDS
    percent = max(known.percent, job.percent if percent is None else percent)
    return Trouble(dict(error), stage, percent, known.since, known.told or told or lasts), lasts and not known.told


def is_over(known: Trouble, percent: int | None, finished: str | None = None) -> bool:
    """Tell whether an agent that is at `percent`, or has `finished` that stage, has got over trouble `known`."""
    return (percent or 0) > known.percent or (finished is not None and finished == known.stage)


def before(job: Job) -> str:
    """Return the end of a sentence that says what had kept the job so far, "" when nothing had."""
    return "" if job.error is None else f"; before that, {job.error['code']}: {job.error['message']}"[:1000]
