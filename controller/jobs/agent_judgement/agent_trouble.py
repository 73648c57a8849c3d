"""An error that an agent retries by itself: stored until it gets further, reported to the operator when it lasts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from controller.db import facts
from controller.db.facts import Trouble
from controller.db.jobs import Job

if TYPE_CHECKING:
    from shared.documents import Error

#: A temporary error has passed by then; after that an operator has to act.
LASTING_SECONDS = 600.0


def of(job: Job) -> Trouble | None:
    """Return the current attempt's unresolved error, None when there is none."""
    return facts.of(job).trouble


def met(
    job: Job, error: Error, stage: str | None, percent: int | None, now: float, *, alarmed: bool = False
) -> tuple[Trouble, bool]:
    """Return (the new value of the job's fact `trouble`, whether to alarm the operator now).

    The agent has met `error` at `stage` and `percent`; `alarmed` says that the operator is alarmed anyway. Different
    errors are one trouble as long as the agent gets no further.
    """
    known = of(job) or Trouble(error, stage, 0, now, False)
    lasts = now - known.since >= LASTING_SECONDS
    percent = max(known.percent, job.percent if percent is None else percent)
    return Trouble(error, stage, percent, known.since, known.told or alarmed or lasts), lasts and not known.told


def is_over(known: Trouble, percent: int | None, finished: str | None = None) -> bool:
    """Return whether an agent at `percent`, or one that `finished` that stage, has got past the trouble `known`."""
    return (percent or 0) > known.percent or (finished is not None and finished == known.stage)


def before(job: Job) -> str:
    """Return the end of a sentence that names the job's error so far, "" when there is none."""
    return "" if job.error is None else f"; before that, {job.error['code']}: {job.error['message']}"[:1000]
