"""Rolls a cancelled job back: the agent does it; the controller makes sure that it can, and checks that it did."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from controller.db import steps
from controller.db.connection.engine import reading
from controller.db.facts import UNDO_DONE, UNDO_PLACED, Facts, Undo
from controller.db.jobs import Job
from controller.jobs.agent_judgement import silence
from controller.jobs.agent_judgement.sight import Sight
from controller.jobs.agent_link import acknowledgements, panel_reading, ring
from controller.jobs.engine.operations import follow_up
from controller.jobs.lifecycle import changes, late_removals, lease, places, plan, states
from controller.jobs.lifecycle.step_context import StepWaits, Work
from controller.jobs.steps import drop, rollback
from controller.panels.base import RemovalUnanswered
from shared.errors import ShoplaunchError
from shared.job import FOLDER, JOB_FILE, RESTORE, cron_line

LOG = logging.getLogger(__name__)
#: Cron ticks an agent gets before it is put into the account again.
TICKS = 3
GRACE_SECONDS = 60
#: Minimum time between two placements of the agent, whatever the account's state says.
SOONEST_SECONDS = 5
#: How long to wait for an agent that never ran, and for one that did: its shop may have to be removed by hand.
NEVER_RAN_SECONDS = 3600.0
RAN_SECONDS = 24 * 3600.0
_NEVER_RAN = "cron never started the agent, which was removed"
_NO_TICKS = "cron starts the agent no more"
_ANOTHERS = "another job's shop lives there by now, and the agent must not work in it"
#: Panel errors for an account that no longer exists under its name.
_GONE = ("account_missing", "account_renamed")
#: Errors of the server, not of an account; until its administrator fixes them nothing is known of any account.
_OF_THE_SERVER = (
    "account_suspended", "database_busy", "database_full", "database_unwritable", "feature_missing",
    "panel_auth_failed", "panel_unreachable", "panel_untrusted", "permission_denied", "privilege_missing",
)  # fmt: skip


@dataclass(frozen=True)
class Progress:
    """How far the rollback is: `learned` changes the job's facts, `kept` says what stays and why, or is ""; one that
    waits goes on at `due_at`."""

    learned: Callable[[Facts], Facts]
    kept: str = ""
    due_at: float | None = None


def run(work: Work) -> Progress:
    """Take the next step of the rollback.

    An account may refuse permanently, as its owner closed its home or it has no room: the controller then waits no
    longer than for an agent that cron does not start. After a removal without an answer nothing is done, and domain and
    account stay taken, until the panel carries it out no more. Raises ShoplaunchError of the panel.
    """
    late, now = late_removals.ends_at(work.facts), work.tools.clock()
    if late is not None and now < late:
        return Progress(_as_it_is)
    try:
        return _tried(work)
    except StepWaits as waits:
        return Progress(waits.learned or _as_it_is, due_at=work.tools.clock() + waits.seconds)


def _tried(work: Work) -> Progress:
    try:
        late_removals.look_again(work)
        return _next(work)
    except (lease.Lost, StepWaits):
        # Nothing failed, and nothing is given up for it
        raise
    except RemovalUnanswered as error:
        return _unanswered(work, error)
    except Exception as error:
        problem = changes.as_document(error)
        if problem["code"] in _OF_THE_SERVER or not _is_overdue(work, _was_heard(work)):
            raise
        LOG.warning("job %s: what may be left there stays: %s", work.job.id, problem["message"], exc_info=error)
        return _left(work, str(problem["message"]))


def _next(work: Work) -> Progress:
    """Take the next step of the rollback; return what `run` does.

    Where the agent never was, or has gone (maybe with the whole account), only what the controller made itself is left
    to remove; nothing of that is removed from a shop that was complete before. Otherwise a valid job file and the cron
    line are put back: the agent gets 410 for its first event, or reads the cancellation in the file `ack`, rolls back
    and removes itself. An agent that cron does not start for too long is given up. Raises ShoplaunchError of the panel.
    """
    known, now = work.facts, work.tools.clock()
    if known.account is None:
        return _done(work)
    try:
        sight = panel_reading.left(work.tools.panel, work.account, work.job.id)
        is_there = _is_anything_there(work, sight)
    except ShoplaunchError as error:
        if error.code in panel_reading.NO_FOLDER:
            return _given_up(work, error.message)
        if error.code not in _GONE:
            raise
        # Under the account's new name, the agent learns at its next start that the job is cancelled
        return _done(work, error.message if error.code == "account_renamed" else "")
    if not is_there:
        return _done(work)
    if places.is_anothers(work.tools.engine, work.job):
        return _given_up(work, _ANOTHERS)
    ran = _ran(work, sight)
    began = now if known.undo.began_at is None else known.undo.began_at
    if _is_overdue(work, ran):
        return _given_up(work, _NO_TICKS if ran else _NEVER_RAN)
    placed = known.undo.placed_at
    if now >= _due_at(work.job, known):
        problem = _place_again(work, anew=placed is not None)
        if problem is not None:
            return _given_up(work, problem)
        placed = now
    # What was noted meanwhile is kept
    return Progress(
        lambda found: replace(found, undo=replace(found.undo, state=UNDO_PLACED, placed_at=placed, began_at=began))
    )


def _place_again(work: Work, *, anew: bool) -> str | None:
    """Put job file and cron line back; return why there is no folder for them, None when they are there."""
    if work.job.kind != RESTORE:
        # The agent rolls statements back in the database
        follow_up.prepare_user(work)
    try:
        # The files placed before may have been damaged, as their agent did not come
        put = drop.place(work, needs_bundle=False, anew=anew)
        _answer(work)
    except ShoplaunchError as error:
        if error.code not in panel_reading.NO_FOLDER:
            raise
        return error.message
    work.tools.panel.ensure_cron(work.account, cron_line(work.job.id))
    ring.ring(work, put.unprepared)
    return None


def _as_it_is(found: Facts) -> Facts:
    return found


def _over(found: Facts) -> Facts:
    return replace(found, undo=Undo(UNDO_DONE))


def _done(work: Work, also_kept: str = "") -> Progress:
    """Remove what the controller made itself; return what `run` does."""
    made, stays = work.facts.made, ""
    starter = _starters_ended(work)
    if work.job.kind != RESTORE:
        follow_up.forget_user(work)
    elif not was_complete(work):
        made, stays = rollback.run(work)
    kept = "; ".join(filter(None, [stays, also_kept, starter]))
    return Progress(lambda found: replace(_over(found), made=made), kept)


def _unanswered(work: Work, error: RemovalUnanswered) -> Progress:
    """Keep domain and account: what comes there next would be removed late."""
    LOG.warning("job %s: taking back: %s", work.job.id, error)
    now = work.tools.clock()
    return Progress(lambda found: late_removals.at_risk(work, error, late_removals.lost(found, now)))


def _starters_ended(work: Work) -> str:
    """Remove the starters of an account that exists; return a note of those that stay."""
    if work.facts.account is None:
        return ""
    try:
        return ring.end(work, again=True)
    except ShoplaunchError as error:
        if error.code not in _GONE:
            raise
        return ""


def _given_up(work: Work, why: str) -> Progress:
    """Remove agent and cron line: nothing starts the agent any more. Domain and account are free again."""
    panel, account = work.tools.panel, work.account
    panel.remove_cron(account, panel_reading.marker(work.job.id))
    _remove_agent(work)
    kept = f"what it may have put into {account.document_root} and the database stays"
    return _done(work, why if why == _NEVER_RAN else f"{why}; {kept}")


def _remove_agent(work: Work) -> None:
    """Remove the agent's folder, unless it is another job's by now."""
    if not places.is_claimed(work.tools.engine, work.job):
        work.tools.panel.remove_agent(work.account)


def _left(work: Work, why: str) -> Progress:
    """Remove what can be removed after all; what got no answer before is not sent again. Domain and account are free
    again, or will be once no removal is to come."""
    panel = work.tools.panel
    kept = f"what this job may have left in the account {work.job.account} and its database stays: {why}"
    unanswered: RemovalUnanswered | None = None
    removals: list[Callable[[], object]] = [
        lambda: panel.remove_cron(work.account, panel_reading.marker(work.job.id)),
        lambda: _remove_agent(work),
        lambda: _done(work),
    ]
    for remove in removals if work.facts.undo.lost_at is None else ():
        try:
            remove()
        except (lease.Lost, StepWaits):
            raise
        except RemovalUnanswered as error:
            # The first may know which line of the account's own is at risk
            unanswered = unanswered or error
        except Exception as error:  # noqa: BLE001 - the note names what is left, once
            LOG.warning("job %s: taking back: %s", work.job.id, error)
    return Progress(_over, kept) if unanswered is None else _unanswered(work, unanswered)


def _is_overdue(work: Work, ran: bool) -> bool:
    """Return whether the rollback has lasted as long as anything in the account is waited for."""
    now, began = work.tools.clock(), work.facts.undo.began_at
    return began is not None and now - began >= (RAN_SECONDS if ran else NEVER_RAN_SECONDS)


def _ran(work: Work, sight: Sight) -> bool:
    """Return whether the agent ever worked in the account."""
    is_of_job = sight.state is not None and sight.state.get("job") == work.job.id
    return is_of_job or _was_heard(work)


def _was_heard(work: Work) -> bool:
    """Return whether the agent reported any work to the controller."""
    return work.facts.cancelled_from not in (states.RECEIVED, states.PREPARING, states.DROPPED)


def wake_at(job: Job, known: Facts, now: float) -> float:
    """Return when to go on with the rollback of `job`, whose agent was placed in the account as `known` says."""
    late = late_removals.ends_at(known)
    if late is not None and now < late:
        return late
    due = _due_at(job, known)
    # An agent without a network cannot report that it has left
    return min(due, now + silence.LOOK_SECONDS) if silence.is_blocked(job) else due


def _due_at(job: Job, known: Facts) -> float:
    """Return when to place the agent in the account (again)."""
    placed = known.undo.placed_at
    if placed is None:
        return 0.0
    if known.undo.heard_at >= placed:
        # It left during or after the placement, and may have removed half of the new files
        return placed + SOONEST_SECONDS
    return placed + TICKS * silence.cron_seconds(job) + GRACE_SECONDS


def _answer(work: Work) -> None:
    """Acknowledge to the agent that the job is cancelled; after its final report it only has to leave."""
    taken = work.facts.ack_seq
    if taken is not None and was_complete(work):
        acknowledgements.accept(work, taken)
    else:
        acknowledgements.cancel(work)


def was_complete(work: Work) -> bool:
    """Return whether the agent had finished the shop before the job was cancelled."""
    with reading(work.tools.engine) as connection:
        return plan.rows(connection, work.job)["agent"].state == steps.DONE


def _is_anything_there(work: Work, sight: Sight) -> bool:
    panel, account = work.tools.panel, work.account
    is_of_job = sight.state is not None and sight.state.get("job") == work.job.id
    return sight.cron_line or is_of_job or JOB_FILE in (panel.list_folder(account, FOLDER) or ())
