"""Removals a panel gave no answer to: it may carry them out later, and nothing is made there before that is over."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime

from controller.db import facts
from controller.db.facts import Facts
from controller.db.jobs import Job
from controller.jobs.lifecycle.step_context import StepWaits, Work
from controller.panels.base import LATE_SECONDS, RemovalUnanswered
from shared.errors import ShoplaunchError


def ends_at(known: Facts) -> float | None:
    """Return until when a removal of the job may still be carried out; None where each was answered."""
    lost_at = known.undo.lost_at
    return None if lost_at is None else lost_at + LATE_SECONDS


def holding(job: Job) -> float | None:
    """Return until when the cancelled job keeps domain and account for that reason; None where it does not."""
    known = facts.of(job)
    return None if known.undo.state == facts.UNDO_DONE else ends_at(known)


def words(until: float) -> str:
    """Return why an account is kept, and until when (unix seconds)."""
    moment = datetime.fromtimestamp(until, UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"a removal there got no answer from the panel and may still be carried out until {moment}"


def lost(known: Facts, now: float) -> Facts:
    """Return the facts of a job whose removal got no answer until `now`."""
    return replace(known, undo=replace(known.undo, lost_at=now))


def require_over(work: Work) -> None:
    """Raise StepWaits while a removal of this very job may still take away what the step would make."""
    until, now = ends_at(work.facts), work.tools.clock()
    if until is not None and now < until:
        raise StepWaits(until - now, words(until))


@contextmanager
def awaited(work: Work) -> Iterator[None]:
    """Raise StepWaits where the block raises RemovalUnanswered: it must not be repeated before that is over."""
    try:
        yield
    except RemovalUnanswered as error:
        raise StepWaits(LATE_SECONDS, words(work.tools.clock() + LATE_SECONDS)) from error


@contextmanager
def noted(work: Work) -> Iterator[None]:
    """Note that removals are sent in the block: this process may end before they are answered, and the panel carry them
    out all the same. What ends the rollback notes that all were answered. Raises database_busy, lease.Lost."""
    if not work.tools.panel.may_remove_late:
        yield
        return
    now = work.tools.clock()
    work.remember(lambda known: lost(known, now))
    try:
        yield
    except RemovalUnanswered:
        raise
    except ShoplaunchError:
        work.remember(lambda known: replace(known, undo=replace(known.undo, lost_at=None)))
        raise
