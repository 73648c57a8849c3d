"""What an operator's retry, cancel and undo-cancel do to a job."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from controller.db import bundles, claims, facts, jobs, steps
from controller.db.documents import JobColumns
from controller.db.facts import Undo
from controller.db.identities.access import Note
from controller.db.jobs import Job
from controller.db.machines import servers
from controller.db.row_holds import Hold
from controller.db.steps import FAILED
from controller.jobs.agent_judgement import agent_trouble
from controller.jobs.lifecycle import changes, places, plan, states
from controller.jobs.lifecycle.changes import change, moved
from controller.jobs.lifecycle.plan import AFTER, AGENT, FINISH, PLAN, PREPARE, following
from controller.jobs.record.sealed_values import private_values, sealed
from controller.jobs.shop import credentials
from controller.jobs.shop.shop_secrets import database_password
from controller.keys import Keys
from shared.errors import ShoplaunchError
from shared.job import RESTORE

#: Agent's error code -> step of the controller that may fix it; after other codes the agent is dropped anew.
MENDED_BY = {
    "account_missing": "account",
    "db_access_denied": "database_user",
    "db_auth_plugin": "database_user",
    "db_missing": "database",
    "db_privileges": "privileges",
    "docroot_missing": "account",
}


#: After these errors no copy of the bundle on the account's server is trusted any more.
DAMAGED_BUNDLE = ("bundle_digest", "bundle_damaged")


def retry(engine: sa.Engine, keys: Keys, job_id: str, step: str | None, now: float, note: Note | None = None) -> Job:
    """Run the failed step (or `step`) again, and the steps that depend on it; return the job.

    When the agent has to work again, it gets a new attempt. After a refused database login the user gets a new
    password. A step that waits for its next try is tried at once, in the same attempt.
    Raises ShoplaunchError `illegal_transition`, `step_unknown`, `job_unknown`.
    """

    def work(connection: sa.Connection, job: Job) -> JobColumns:
        if job.state == states.RESTORING and agent_trouble.of(job) is None:
            raise ShoplaunchError("illegal_transition", "the agent is at work and reports no error")
        known = plan.of(job.kind)
        if step is not None and step not in known:
            raise ShoplaunchError("step_unknown", f"there is no step {step[:40]!r}; there are: {', '.join(known)}")
        rows = plan.rows(connection, job)
        waiting = _waiting(job, rows, step)
        if waiting:
            return _at_once(connection, job, waiting, now)
        wanted = step or job.step or plan.first_open(known, rows) or ""
        if job.kind != RESTORE:
            if job.parent is not None:
                places.require_own(connection, jobs.get(connection, job.parent))
            return _restart_follow_up(connection, job, wanted, now)
        if job.state == states.LIVE:
            wanted = step or next((name for name, row in rows.items() if row.state == FAILED), "")
        first = _first(job, wanted, asked=step is not None)
        columns = _restart_order(connection, job, rows, first, now)
        code = job.error["code"] if job.error else ""
        if code in DAMAGED_BUNDLE:
            columns |= facts.column(replace(facts.after(job, columns), copies_distrusted=True))
        if code == "db_access_denied" and first == "database_user":
            columns |= _new_database_password(keys, job)
        return columns

    return _unless_busy(lambda: change(engine, job_id, now, work, note=note))


def _restart_order(
    connection: sa.Connection, job: Job, rows: Mapping[str, steps.StepRow], first: str, now: float
) -> JobColumns:
    """Ask again for the step `first` of an order and those that depend on it; return the changed columns."""
    part = PLAN[first].part
    _check_order(PLAN, rows, first)
    columns = moved(job, "retry" if part in (PREPARE, AGENT) else "recheck")
    if job.state == states.LIVE and part != AFTER:
        raise ShoplaunchError("illegal_transition", f"the shop lives; step {first} cannot run again")
    # A failed parallel step would keep the job from going on
    parallel = [name for name, row in rows.items() if row.state == FAILED and PLAN[name].part == part == PREPARE]
    again = following([first, *parallel])
    if job.state == states.LIVE and "notify" in again and not credentials.may_be_offered(job):
        raise ShoplaunchError("illegal_transition", "the client was notified already; the password is erased")
    return {**columns, **changes.asked_again(connection, job, again, now)}


def _waiting(job: Job, rows: Mapping[str, steps.StepRow], step: str | None) -> list[str]:
    """Return the steps of a moving job (only `step`, when given) that wait for nothing but their next try."""
    if job.state == states.RESTORING:
        # Here the operator means the agent
        return []
    found = plan.ready(plan.of(job.kind), rows, plan.PARTS.get(job.state, ()), math.inf)
    # A live job's mail may have failed finally: then the operator means the failed step
    if step is None and any(row.state == FAILED for row in rows.values()):
        return []
    names = [one.name for one in found if rows[one.name].state == steps.WAITING]
    return names if step is None else [name for name in names if name == step]


def _at_once(connection: sa.Connection, job: Job, names: list[str], now: float) -> JobColumns:
    """Try waiting steps now, with all their repetitions again; their errors stay until one is done."""
    for name in names:
        steps.update(connection, job.id, name, not_before=None, failures=0)
    return {"step": names[0] if job.state != states.LIVE else job.step, "wake_at": now}


def _restart_follow_up(connection: sa.Connection, job: Job, wanted: str, now: float) -> JobColumns:
    """Return the columns of a follow-up job that is tried again; its database user is created anew."""
    known = plan.of(job.kind)
    if wanted not in known:
        raise ShoplaunchError("illegal_transition", "no step of this job has failed")
    is_check = known[wanted].part == FINISH and not facts.of(job).taken_back
    first = wanted if is_check or wanted == "account" else "database_user"
    _check_order(known, plan.rows(connection, job), first)
    columns = moved(job, "recheck" if is_check else "retry")
    columns |= changes.asked_again(connection, job, following([first], known), now)
    learned = replace(facts.after(job, columns), taken_back=False)
    return {**columns, **claims.keys(job.server, job.domain, job.account), **facts.column(learned)}


def _first(job: Job, wanted: str, *, asked: bool) -> str:
    """Return the step to begin with; `asked`: the operator named it."""
    if wanted not in PLAN:
        raise ShoplaunchError("illegal_transition", "no step of this job has failed")
    code = job.error["code"] if job.error else ""
    if code == "account_missing" and PLAN[wanted].part == PREPARE and not asked:
        # In a new account nothing of the earlier steps' work exists
        return MENDED_BY[code]
    if PLAN[wanted].part != AGENT:
        return wanted
    return MENDED_BY.get(code, "drop")


def _check_order(known: Mapping[str, plan.Step], rows: Mapping[str, steps.StepRow], first: str) -> None:
    missing = [name for name in known[first].needs if rows[name].state not in steps.OVER]
    if missing:
        raise ShoplaunchError("illegal_transition", f"step {first} needs step {missing[0]} first")


def _new_database_password(keys: Keys, job: Job) -> JobColumns:
    private = private_values(keys, job)
    if not private:
        return {}
    return sealed(keys, {**private, "db.password": database_password()})


def cancel(engine: sa.Engine, job_id: str, now: float, note: Note | None = None) -> Job:
    """Cancel the job; its account is rolled back. Raises ShoplaunchError `illegal_transition`, `job_unknown`."""

    return change(engine, job_id, now, lambda _connection, job: cancelling(job, now), note=note)


def cancelling(job: Job, now: float) -> JobColumns:
    """Return the columns of a job that is cancelled. Raises ShoplaunchError `illegal_transition`."""
    columns: JobColumns = {**moved(job, "cancel"), "error": None, "alarm": "", "wake_at": now}
    before = facts.of(job)
    # A removal of an earlier cancellation, which was taken back, may still be carried out
    undo = Undo(facts.UNDO_WANTED, began_at=now, lost_at=before.undo.lost_at)
    known = replace(before, undo=undo, cancelled_from=job.state)
    return columns | facts.column(known)


def undo_cancel(engine: sa.Engine, job_id: str, now: float, note: Note | None = None) -> Job:
    """Prepare the cancelled job again, with a new attempt.

    Raises ShoplaunchError `illegal_transition`, `domain_busy` when another job has taken the domain meanwhile, or its
    shop lives there; `server_unknown`, `bundle_unknown` for what was removed meanwhile.
    """

    def work(connection: sa.Connection, job: Job) -> JobColumns:
        if job.kind != RESTORE:
            raise ShoplaunchError("illegal_transition", "what the job was given is forgotten; begin a new one")
        if job.forgotten_at is not None:
            raise ShoplaunchError("service_forgotten", f"what was ordered with job {job.id} was erased")
        if facts.of(job).terminated:
            # Its service has ended already: nobody would remove its shop
            raise ShoplaunchError("illegal_transition", "the service was terminated")
        columns = moved(job, "undo_cancel")
        servers.get(connection, job.server, Hold.SHARED)
        bundles.get(connection, job.bundle, Hold.SHARED)
        _require_nothing_there(connection, job)
        asked = changes.asked_again(connection, job, PLAN, now)
        before = facts.after(job, asked)
        known = replace(before, undo=replace(before.undo, state=None, placed_at=None), cancelled_from=None)
        held = claims.keys(job.server, job.domain, job.account)
        key = claims.order_key(job.order, job.signed_by)
        return {**columns, **asked, **held, "order_key": key, **facts.column(known)}

    return _unless_busy(lambda: change(engine, job_id, now, work, note=note))


def _require_nothing_there(connection: sa.Connection, job: Job) -> None:
    """Raise ShoplaunchError where preparing the job again would take away a shop: its own, or another job's."""
    if plan.rows(connection, job)["agent"].state == steps.DONE:
        message = "the shop was complete before the job was cancelled, and stays; order a new one instead"
        raise ShoplaunchError("illegal_transition", message)
    other = places.neighbour(connection, job)
    if other is not None:
        raise ShoplaunchError("domain_busy", f"the shop of job {other.job} lives in account {other.account}")


def _unless_busy(work: Callable[[], Job]) -> Job:
    try:
        return work()
    except IntegrityError:
        raise ShoplaunchError("domain_busy", "another job has taken domain or account meanwhile") from None


def released() -> JobColumns:
    """Return the columns of a job that was rolled back: domain, account and order are free, its secrets forgotten."""
    return {"domain_key": None, "account_key": None, "order_key": None, "secrets_encrypted": None}
