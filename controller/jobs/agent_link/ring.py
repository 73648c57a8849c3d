"""Starting the agent at once instead of at cron's next tick: bounded, and never a reason for a step to fail."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from typing import Any

from controller.jobs.steps.work import Work
from controller.panels.start import REASONS, WAYS, Started

LOG = logging.getLogger(__name__)
#: The fact that says how the agent of this attempt was started: {"way", "reason", "seconds", "at"}.
FACT = "start"
#: What may pass over all until the job goes on without an answer.
WITHIN_SECONDS = 5.0


def files(work: Work) -> Mapping[str, tuple[bytes, int]]:
    """Return path -> (content, mode) of what the panel wants in the account for the start. Raises panel_*."""
    return work.tools.panel.start_files(work.account, work.job.id, work.job.attempt)


def ring(work: Work) -> dict[str, Any]:
    """Start the agent where the panel can, once its cron line is there; return the fact of what came of it.

    Cron starts it all the same: what goes wrong here is logged and waited for no longer than WITHIN_SECONDS.
    """
    began = time.monotonic()
    found = _started(work, WITHIN_SECONDS)
    way = found.way if found.way in WAYS else ""
    reason = "" if way else found.reason if found.reason in REASONS else "failed"
    seconds = round(time.monotonic() - began, 3)
    return {"way": way, "reason": reason, "seconds": seconds, "at": work.tools.clock()}


def _started(work: Work, within_seconds: float) -> Started:
    """Ask the panel in a thread of its own: one that hangs is left to itself."""
    ended: list[Started | BaseException] = []

    def ask() -> None:
        try:
            job = work.job
            ended.append(work.tools.panel.start_now(work.account, job.id, job.attempt, within_seconds))
        except BaseException as problem:  # noqa: BLE001 - told from each other where it is waited for
            ended.append(problem)

    thread = threading.Thread(target=ask, name="start", daemon=True)
    try:
        thread.start()
    except RuntimeError as problem:
        ended.append(problem)
    else:
        thread.join(within_seconds)
    if not ended:
        LOG.warning("job %s: starting its agent took longer than %s s", work.job.id, within_seconds)
        return Started(reason="took_too_long")
    answer = ended[0]
    if isinstance(answer, Exception):
        LOG.error("job %s: its agent could not be started at once", work.job.id, exc_info=answer)
        return Started(reason="failed")
    if isinstance(answer, BaseException):
        raise answer
    return answer
