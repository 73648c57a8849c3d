"""Starts the agent at once instead of at cron's next tick: bounded in time, and never a reason for a step to fail."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import replace

import sqlalchemy as sa

from controller.db import facts
from controller.db.facts import Asked, Facts
from controller.db.machines import servers
from controller.jobs.lifecycle.step_context import Work
from controller.panels.registry import starts
from controller.panels.start import REASONS, SSH, WAYS, Started, stops
from controller.telemetry.job_at_hand import as_here
from shared.errors import ShoplaunchError

LOG = logging.getLogger(__name__)
#: The job goes on without an answer after this time in total.
WITHIN_SECONDS = 5.0
#: Instead of the fact `start_prepared`: the files were placed, and removed again when the job failed or stalled.
TAKEN_AWAY = "taken_away"


def why_not(work: Work) -> str:
    """Return "" where the agent is to be started at once, else the reason why cron starts it."""
    server = work.tools.server
    if starts(server) != servers.AUTO:
        return "switched_off"
    learned = server.start_learned
    reason = stops(learned, work.tools.clock())
    # What starters met says nothing about SSH; what agents reported that were started by SSH does
    is_of_ssh = learned is not None and learned.way == SSH
    return "" if reason and not is_of_ssh and work.tools.panel.has_other_start() else reason


def files(work: Work) -> Mapping[str, tuple[bytes, int]]:
    """Return path -> (content, mode) of the files that the panel needs in the account for the start. Raises panel_*."""
    return work.tools.panel.start_files(work.account, work.job.id, work.job.attempt)


def end(work: Work, *, again: bool = False) -> str:
    """Remove all files placed for a start, by this attempt and earlier ones; return a note of what stays.

    `again`: this attempt's agent may have been placed more than once. Raises ShoplaunchError of the panel where another
    try may help.
    """
    job = work.job
    # A starter that has started the agent is gone
    known = facts.of(job)
    is_gone = known.start_prepared or (known.start is not None and known.start.way)
    if job.attempt == 1 and is_gone and not again:
        return ""
    try:
        work.tools.panel.end_start(work.account, job.id, job.attempt)
    except ShoplaunchError as error:
        if error.retryable:
            raise
        LOG.warning("job %s: its starter stays in %s: %s", job.id, work.account.document_root, error.message)
        return "a starter that does nothing any more could not be removed"
    return ""


def ring(work: Work, unprepared: str | None) -> Asked:
    """Start the agent where the panel can, once its cron line is there; return the outcome.

    `unprepared` is the fact `start_prepared`, None where an earlier version placed the job file. Cron starts the agent
    all the same: failures here are logged, and waited for no longer than WITHIN_SECONDS.
    """
    at, began = work.tools.clock(), time.monotonic()
    anew = unprepared == TAKEN_AWAY
    if unprepared is None:
        unprepared = why_not(work) or ("not_offered" if files(work) else "")
    elif anew:
        unprepared = why_not(work)
    found = Started(reason=unprepared) if unprepared else _started(work, WITHIN_SECONDS, anew=anew)
    way = found.way if found.way in WAYS else ""
    reason = "" if way else found.reason if found.reason in REASONS else "failed"
    return Asked(way, reason, round(time.monotonic() - began, 3), at)


def noted(known: Facts, came: Asked) -> Facts:
    """Return the facts of a job whose agent was to be started at once, and what came of that."""
    if known.start_prepared == TAKEN_AWAY:
        # They were placed anew
        known = replace(known, start_prepared="", start_left=0)
    return replace(known, start=came)


def note(connection: sa.Connection, work: Work, came: Asked, unprepared: str | None) -> None:
    """Store the outcome of a start for the server: only a start that was tried adds knowledge."""
    # The start was skipped for a reason that is known already
    is_known = stops(work.tools.server.start_learned, came.at or 0.0) == came.reason != ""
    if unprepared in (None, "", TAKEN_AWAY) and not is_known:
        found = came.way, came.reason, came.at or 0.0
        servers.note_start(connection, work.job.server, *found, work.job.account)


def _started(work: Work, within_seconds: float, *, anew: bool) -> Started:
    """Call the panel in a thread of its own, which is abandoned when it hangs; `anew`: place its files before."""
    ended: list[Started | BaseException] = []

    def ask() -> None:
        try:
            job = work.job
            if anew and (wanted := files(work)):
                work.tools.panel.put_files(work.account, wanted)
            ended.append(work.tools.panel.start_now(work.account, job.id, job.attempt, within_seconds))
        except BaseException as problem:  # noqa: BLE001 - the waiting thread distinguishes them
            ended.append(problem)

    thread = threading.Thread(target=as_here(ask), name="start", daemon=True)
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
