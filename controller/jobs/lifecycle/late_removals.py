"""Removals a panel gave no answer to: it may carry them out later, and nothing is made there before that is over."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from controller.db import facts
from controller.db.facts import Facts
from controller.db.jobs import Job
from controller.jobs.lifecycle.step_context import StepWaits, Work
from controller.panels.base import LATE_SECONDS, RemovalMayRepeat, RemovalUnanswered
from shared.errors import ShoplaunchError

LOG = logging.getLogger(__name__)
#: After these a line of the account's own is not put back: the account is gone, its host takes no such line any more,
#: or the key that sealed it was retired. No shop waits for that.
_GIVEN_UP = (
    "account_missing", "account_renamed", "config_invalid", "cron_edit_failed", "feature_missing", "panel_refused",
)  # fmt: skip


def ends_at(known: Facts) -> float | None:
    """Return until when a removal of the job may still be carried out, or once more; None where none may."""
    found = [sent_at for sent_at in (known.undo.lost_at, known.kept_at) if sent_at is not None]
    return max(found) + LATE_SECONDS if found else None


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


def at_risk(work: Work, error: RemovalUnanswered, known: Facts) -> Facts:
    """Return the facts with the account's own line that the removal may still take: its owner alone reads it."""
    if not isinstance(error, RemovalMayRepeat):
        return known
    return replace(known, kept_line=work.tools.keys.encrypt(error.line), kept_at=work.tools.clock())


def look_again(work: Work) -> None:
    """Put a line of the account's own back that a removal by number, repeated late, has taken; where that is refused
    for good, it stays away. Raises panel_*, account_suspended, database_busy; StepWaits while it may still be
    repeated: somebody may try the job again, or cancel it, before."""
    sealed = work.facts.kept_line
    if sealed is None:
        return
    require_over(work)
    try:
        work.tools.panel.keep_cron(work.account, work.tools.keys.decrypt(sealed))
    except ShoplaunchError as error:
        if error.code not in _GIVEN_UP:
            raise
        LOG.warning("job %s: a cron line of the account is not put back: %s", work.job.id, error.message)
    work.remember(lambda known: replace(known, kept_line=None, kept_at=None))


@contextmanager
def awaited(work: Work) -> Iterator[None]:
    """Raise StepWaits where the block raises RemovalUnanswered: it must not be repeated before that is over."""
    try:
        yield
    except RemovalUnanswered as error:
        note, risk = words(work.tools.clock() + LATE_SECONDS), partial(at_risk, work, error)
        raise StepWaits(LATE_SECONDS, note, risk if isinstance(error, RemovalMayRepeat) else None) from error


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
