"""The client's link to the back office's password: it shows the password once, or lets the client choose one."""

from __future__ import annotations

import secrets
from dataclasses import replace

import sqlalchemy as sa

from controller.db import facts, jobs
from controller.db.connection.engine import reading
from controller.db.documents import JobColumns
from controller.db.facts import Link
from controller.db.identities.access import Note
from controller.db.jobs import Job
from controller.db.tables import jobs as rows
from controller.follow_up_kinds import SET_ADMIN_PASSWORD
from controller.jobs.lifecycle import changes
from controller.jobs.lifecycle.lease import Lease
from controller.jobs.record.sealed_values import private_values, sealed
from controller.keys import Keys
from shared.errors import ShoplaunchError

PASSWORD = "admin.password"  # noqa: S105 - the name of a value
#: How long a link is valid; the mails of the addon for WHMCS say it by themselves (packaging/whmcs/…/lang/mails.*.php).
DAYS = 7
SECONDS = DAYS * 86400.0
WAITING, SHOWN, GONE = "waiting", "shown", "gone"
#: Names in the stored document; no other fact has them.
_LINK, _ENDED = "credentials", "link_ended_at"


def offer(engine: sa.Engine, keys: Keys, job_id: str, mode: str, now: float, lease: Lease | None = None) -> str | None:
    """Put the password behind a link; return the link's nonce, None when the password was shown already.

    All private values but the password are forgotten (with mode `set` the password too). A repeated call returns the
    same link, unless `end_links` has ended it. Raises ShoplaunchError `illegal_transition` when there is no password
    any more, controller.jobs.lifecycle.lease.Lost when `lease` is lost.
    """
    found: list[str | None] = []

    def work(_connection: sa.Connection, job: Job) -> JobColumns:
        known = link(job)
        if known is not None and known.mode == mode and not _is_ended(job):
            found[:] = [known.nonce if state(job, now) == WAITING else None]
            return {}
        private = private_values(keys, job)
        if PASSWORD not in private and not (mode == "set" and may_be_offered(job)):
            raise ShoplaunchError("illegal_transition", "the client was notified already; the password is erased")
        nonce = secrets.token_urlsafe(9)
        found[:] = [nonce]
        kept = sealed(keys, {PASSWORD: private[PASSWORD]}) if mode == "link" else {"secrets_encrypted": None}
        return {**kept, **_fact(job, Link(mode, nonce, now + SECONDS))}

    changes.change(engine, job_id, now, work, lease)
    return found[0]


def may_be_chosen(job: Job) -> bool:
    """Return whether the shop's bundle says how a password is set by a follow-up job."""
    return bool(((job.later or {}).get("jobs") or {}).get(SET_ADMIN_PASSWORD))


def state(job: Job, now: float) -> str:
    """Return whether the link still works (`waiting`), has shown its password (`shown`), or is of no use (`gone`)."""
    known = link(job)
    if known is None or job.ended_at is not None or _is_ended(job):
        return GONE
    if known.used_at is not None:
        return SHOWN
    lost = known.mode == "link" and job.secrets_encrypted is None
    return GONE if lost or now >= known.expires_at else WAITING


def is_of(job: Job, nonce: str) -> bool:
    """Return whether `nonce` belongs to the job's newest link."""
    known = link(job)
    return secrets.compare_digest(("" if known is None else known.nonce).encode(), nonce.encode("utf-8"))


def show(engine: sa.Engine, keys: Keys, job_id: str, nonce: str, now: float, note: Note | None = None) -> str | None:
    """Return the password and forget it, writing `note` with that; None when there is nothing to show (any more)."""
    shown: list[str] = []

    def work(connection: sa.Connection, job: Job) -> JobColumns:
        shown.clear()
        if not is_of(job, nonce) or mode_of(job) != "link" or state(job, now) != WAITING:
            return {}
        private = private_values(keys, job)
        if PASSWORD not in private:
            return {}
        shown.append(private[PASSWORD])
        if note is not None:
            note.write(connection, now, job_id)
        return used(job, now)

    changes.change(engine, job_id, now, work)
    return shown[0] if shown else None


def claim(engine: sa.Engine, job_id: str, nonce: str, now: float, note: Note | None = None) -> bool:
    """Claim the right to choose a password, writing `note` with that; False for a link that was used or ended."""
    taken: list[bool] = []

    def work(connection: sa.Connection, job: Job) -> JobColumns:
        taken[:] = [is_of(job, nonce) and mode_of(job) == "set" and state(job, now) == WAITING]
        if taken[0] and note is not None:
            note.write(connection, now, job_id)
        return used(job, now) if taken[0] else {}

    changes.change(engine, job_id, now, work)
    return taken[0]


def give_back(engine: sa.Engine, job_id: str, nonce: str, now: float) -> None:
    """Make the link usable again."""

    def work(_connection: sa.Connection, job: Job) -> JobColumns:
        known = link(job)
        return _fact(job, replace(known, used_at=None)) if known is not None and is_of(job, nonce) else {}

    changes.change(engine, job_id, now, work)


def used(job: Job, now: float) -> JobColumns:
    """Return the columns of a job whose link was used."""
    known = link(job)
    return {"secrets_encrypted": None, **({} if known is None else _fact(job, replace(known, used_at=now)))}


def end_links(connection: sa.Connection, now: float) -> None:
    """End all links that wait; `offer` makes new ones."""
    for job in jobs.intact(connection, _has_fact(_LINK)):
        known = link(job)
        if known is not None and state(job, now) == WAITING:
            ended = _fact(job, replace(known, link_ended_at=now))
            ended["updated_at"] = job.updated_at
            jobs.update(connection, job, now, **ended)


def may_be_offered(job: Job) -> bool:
    """Return whether there is a password for the client; one that the client is to choose need not be known."""
    return job.secrets_encrypted is not None or (_is_ended(job) and mode_of(job) == "set")


def _is_ended(job: Job) -> bool:
    known = link(job)
    return known is not None and known.link_ended_at is not None


def ended_links(connection: sa.Connection) -> list[str]:
    """Return "id domain" of each job whose link was ended and may be offered again."""
    ended = jobs.intact(connection, _has_fact(_ENDED))
    return [f"{job.id} {job.domain}" for job in ended if may_be_offered(job)]


def _has_fact(name: str) -> sa.ColumnElement[bool]:
    return sa.and_(rows.c.ended_at.is_(None), facts.has_entry(name))


def withdraw(engine: sa.Engine, job_id: str, now: float) -> None:
    """Forget a password that waits behind a link: the shop gets another one."""
    changes.change(engine, job_id, now, lambda _c, job: {} if expires_at(job) is None else {"secrets_encrypted": None})


def expires_at(job: Job) -> float | None:
    """Return when a password that still waits has to be erased, None when none does."""
    known = link(job)
    return None if known is None or job.secrets_encrypted is None else known.expires_at


def erase(engine: sa.Engine, job_id: str, now: float, lease: Lease | None = None) -> Job:
    """Forget an expired password. Raises controller.jobs.lifecycle.lease.Lost when `lease` is lost."""

    def work(_connection: sa.Connection, job: Job) -> JobColumns:
        due = expires_at(job)
        return {"secrets_encrypted": None} if due is not None and now >= due else {}

    return changes.change(engine, job_id, now, work, lease)


def link(job: Job) -> Link | None:
    """Return the job's newest link to the password, None when there was none."""
    return facts.of(job).credentials


def mode_of(job: Job) -> str:
    """Return the mode of the job's newest link, "" where there was none: `link` shows a password, `set` takes one."""
    known = link(job)
    return "" if known is None else known.mode


def _fact(job: Job, known: Link) -> JobColumns:
    return facts.column(replace(facts.of(job), credentials=known))


def job_of(engine: sa.Engine, job_id: str, nonce: str) -> Job:
    """Return the job whose newest link has this nonce. Raises ShoplaunchError `credentials_gone`."""
    try:
        with reading(engine) as connection:
            job = jobs.get(connection, job_id)
    except ShoplaunchError as error:
        if error.code != "job_unknown":
            raise
        raise ShoplaunchError("credentials_gone", "the address was not issued by this controller") from None
    if not is_of(job, nonce):
        raise ShoplaunchError("credentials_gone", "the address was replaced by a newer one")
    return job
