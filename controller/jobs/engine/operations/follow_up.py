"""Follow-up jobs on a live shop: each begins once, with what the shop's bundle said when it was restored."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from controller.db import claims, facts, jobs, steps
from controller.db.connection.engine import reading, transact
from controller.db.documents import FollowUpParts, JobColumns
from controller.db.facts import Facts
from controller.db.identities.access import Note
from controller.db.jobs import Job
from controller.follow_up_kinds import KINDS
from controller.jobs.lifecycle import changes, late_removals, places, plan, states
from controller.jobs.lifecycle.bundle_store import Bundles
from controller.jobs.lifecycle.step_context import Tools, Work
from controller.jobs.record.sealed_values import sealed
from controller.jobs.shop import follow_up_parts, password_formats
from controller.jobs.shop.shop_secrets import database_password
from controller.jobs.steps.follow_ups.registry import change_of
from controller.keys import Keys
from controller.panels.base import RemovalUnanswered
from controller.recipes.base import BCRYPT
from shared.errors import ShoplaunchError
from shared.job import RESTORE

if TYPE_CHECKING:
    from shared.documents import Error, FollowUp

LOG = logging.getLogger(__name__)
FORTH, BACK = "forth", "back"
SHORTEST_PASSWORD = 8


@dataclass(frozen=True)
class Wanted:
    """A follow-up job of `kind`; `given` are values the kind needs; of `admin.password` only the hash is stored.

    A new job is written with `note`. `anew`: it must not be one that is open already, which has other values.
    """

    kind: str
    given: Mapping[str, str] = field(default_factory=dict, repr=False)
    note: Note | None = None
    anew: bool = False


def start(engine: sa.Engine, keys: Keys, bundles: Bundles, parent: Job, wanted: Wanted, now: float) -> Job:
    """Return the `wanted` open follow-up job on the shop of `parent`: the one under way, or a new one.

    Raises ShoplaunchError `kind_unsupported`, `illegal_transition`, `order_invalid`, `domain_busy`, `bundle_*`.
    """
    kind = wanted.kind
    require(engine, parent, kind)
    kept = parent.later or _of_bundle(bundles, parent)
    entry = _entry(parent, kept, kind)
    private = {
        **_private_values(kind, wanted.given, kept.get("password_format", BCRYPT)),
        "db.password": database_password(),
    }
    row: JobColumns = {**_row(parent, kind, kept, entry, now), **sealed(keys, private)}
    try:
        return transact(engine, lambda connection: _insert(connection, parent.id, row, wanted))
    except IntegrityError:
        with reading(engine) as connection:
            known = jobs.open_follow_up(connection, parent.id, kind)
        if known is None or wanted.anew:
            raise ShoplaunchError("domain_busy", f"another job is at work in account {parent.account}") from None
        return known


def _row(parent: Job, kind: str, kept: FollowUpParts, entry: FollowUp, now: float) -> JobColumns:
    """Return the new job's row without its private values; `kept` is what the shop's bundle says of follow-up jobs,
    `entry` what it says of this kind."""
    known, order = facts.of(parent), parent.order.copy()
    order.pop("create_account", None)
    return {
        "id": claims.new_id(),
        "kind": kind,
        "parent": parent.id,
        "later": {
            "nonce": kept["nonce"],
            "checks": kept["checks"],
            "entry": entry,
            "admin_folder": kept["admin_folder"],
            "scheme": "https" if known.tls.state == "on" else "http",
        },
        "source": parent.source,
        "signed_by": parent.signed_by,
        "server": parent.server,
        "bundle": parent.bundle,
        "domain": parent.domain,
        "folder": parent.folder,
        "email": parent.email,
        "account": parent.account,
        "language": parent.language,
        "order": order,
        **claims.keys(parent.server, parent.domain, parent.account),
        "state": states.RECEIVED,
        "step": next(iter(plan.of(kind))),
        **facts.column(Facts(noun=known.noun, shop_url=known.shop_url, admin_url=known.admin_url)),
        "progress": {},
        "lock_name": "shoplaunch_" + secrets.token_hex(8),
        "created_at": now,
        "updated_at": now,
        "wake_at": now,
    }


def _of_bundle(bundles: Bundles, parent: Job) -> FollowUpParts:
    """Return what the bundle says now, for a shop restored before that was stored with the job."""
    admin_folder = urlsplit(facts.of(parent).admin_url or "").path.strip("/").rpartition("/")[2]
    return follow_up_parts.of_manifest(bundles.manifest(bundles.get(parent.bundle)), admin_folder)


def require(engine: sa.Engine, parent: Job, kind: str) -> None:
    """As `check`; also for a shop that was given up for another one. Raises database_busy."""
    check(parent, kind)
    with reading(engine) as connection:
        places.require_own(connection, parent)


def check(parent: Job, kind: str) -> None:
    """Raise ShoplaunchError `kind_unsupported` or `illegal_transition` for a shop that takes no job of `kind`."""
    if kind not in KINDS or parent.kind != RESTORE:
        raise ShoplaunchError("kind_unsupported", f"a job of kind {parent.kind} has no follow-up job {kind[:30]!r}")
    places.require_living(parent)


def _entry(parent: Job, kept: FollowUpParts, kind: str) -> FollowUp:
    entry = kept["jobs"].get(kind)
    if entry is None or not (entry.get("statements") or entry.get("edits")):
        raise ShoplaunchError("kind_unsupported", f"the bundle {parent.bundle} does not describe how to {kind}")
    if KINDS[kind].needs_back and entry["statements"] and not entry.get("back"):
        raise ShoplaunchError(
            "kind_unsupported", f"the bundle {parent.bundle} does not describe how to roll {kind} back"
        )
    return entry


def _private_values(kind: str, given: Mapping[str, str], password_format: str) -> dict[str, str]:
    found = dict(given)
    plain = found.pop("admin.password", None)
    if plain is not None:
        if len(plain) < SHORTEST_PASSWORD:
            raise ShoplaunchError("order_invalid", f"a password has at least {SHORTEST_PASSWORD} characters")
        found["admin.password_hash"] = password_formats.hashed(plain, password_format, {})
    if KINDS[kind].asks_password and "admin.password_hash" not in found:
        raise ShoplaunchError("order_invalid", "a new password is needed")
    return found


def _insert(connection: sa.Connection, parent: str, row: JobColumns, wanted: Wanted) -> Job:
    # The shop may have been ended or given up since it was read
    places.require_own(connection, jobs.get(connection, parent, lock=True))
    known = jobs.open_follow_up(connection, parent, row["kind"])
    if known is not None and wanted.anew:
        raise ShoplaunchError("domain_busy", f"job {known.id} of this kind is {known.state} already")
    if known is not None:
        return known
    jobs.insert(connection, row)
    steps.insert(connection, row["id"], plan.of(row["kind"]))
    if wanted.note is not None:
        wanted.note.about(row["id"]).write(connection, row["created_at"], parent)
    return jobs.get(connection, row["id"])


def over(connection: sa.Connection, job: Job, now: float) -> JobColumns:
    """Return the columns of a follow-up job whose last step is done: it is live, or failed when it was rolled back."""
    free: JobColumns = {"domain_key": None, "account_key": None, "stage": None}
    if is_back(job):
        failure = facts.of(job).failure or ShoplaunchError("internal").as_dict()
        columns: JobColumns = {**changes.failed(job, "fail", "confirm", failure, now), **free}
        return columns | facts.column(replace(facts.of(job), direction=None, failure=None, taken_back=True))
    if job.parent is not None:
        parent = jobs.get(connection, job.parent, lock=True)
        learned = change_of(job.kind).learned(facts.of(parent), facts.of(job))
        if learned is not None:
            jobs.update(connection, parent, now, **facts.column(learned))
    return {**changes.moved(job, "prove"), **free, "secrets_encrypted": None, "step": None, "percent": 100}


def is_back(job: Job) -> bool:
    """Return whether the job is rolling back its change."""
    return facts.of(job).direction == BACK


def may_take_back(job: Job, step: str) -> bool:
    """Return whether a failure of `step` means that the shop is restored to what it was."""
    return job.kind in KINDS and KINDS[job.kind].needs_back and step == "confirm" and not is_back(job)


def taken_back(connection: sa.Connection, job: Job, error: Error, now: float) -> JobColumns:
    """Return the columns of a job whose change failed the check from outside: a new attempt rolls it back."""
    moved = changes.moved(job, "take_back")
    again = changes.asked_again(connection, job, plan.following(["database_user"], plan.of(job.kind)), now)
    known = replace(facts.after(job, again), direction=BACK, failure=error)
    return {**moved, **again, **facts.column(known), "error": error}


def prepare_user(work: Work) -> None:
    """Ensure that the follow-up job's database user exists, with its password and privileges. Raises panel_*."""
    database, user = work.database_names
    work.tools.panel.ensure_database_user(work.account, user, work.private["db.password"])
    work.tools.panel.ensure_privileges(work.account, database, user)


def has_idle_user(job: Job) -> bool:
    """Return whether a follow-up job that is not being worked on still has its database user."""
    return job.kind != RESTORE and job.state in (states.FAILED, states.STALLED) and facts.of(job).user_made


def forget_idle_user(tools: Tools, job: Job) -> None:
    """Remove the database user of a follow-up job that stopped; a retry creates it anew. A panel that does not answer
    is asked again later. Raises database_busy."""
    try:
        forget_user(work := Work(job, {}, tools))
    except ShoplaunchError as error:
        if isinstance(error, RemovalUnanswered):
            # A retry waits: its user has the same name
            work.remember(lambda known: late_removals.lost(known, tools.clock()))
        LOG.warning("job %s: its database user stays for now: %s", job.id, error.message)
        return

    def forgotten(_connection: sa.Connection, now_job: Job) -> JobColumns:
        return facts.column(replace(facts.of(now_job), user_made=False)) if has_idle_user(now_job) else {}

    changes.change(tools.engine, job.id, tools.clock(), forgotten, tools.lease)


def forget_user(work: Work) -> None:
    """Remove the follow-up job's database user. Raises panel_*."""
    if work.facts.account is None:
        return
    try:
        work.tools.panel.remove_database_user(work.account, work.database_names[1])
    except ShoplaunchError as error:
        # Removed together with the account
        if error.code != "account_missing":
            raise
