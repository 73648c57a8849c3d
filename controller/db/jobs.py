"""Queries on jobs: their rows are the authoritative state; compare-and-set, lease."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Unpack
from urllib.parse import urlsplit

import sqlalchemy as sa

from controller.db.connection.clock import AHEAD_SECONDS
from controller.db.documents import FollowUpParts, JobColumns, StageProgress
from controller.db.facts import decode, of
from controller.db.shapes import UNREADABLE, DamagedRow, judge_job, tell
from controller.db.tables import follow_up_parts, jobs
from controller.product_kind import SHOP
from shared.errors import ShoplaunchError
from shared.job import RESTORE

if TYPE_CHECKING:
    from shared.documents import Error, Order

#: Bookkeeping columns: changing only these leaves the job's `updated_at` as it was.
COUNTED = ("wake_at", "events_kept", "events_bytes", "reports_until", "heartbeats_until")
#: States in which a job waits while its server's breaker is open. In the others its agent works by itself, or all that
#: is left to do is to notify people.
NEED_SERVER = ("received", "preparing", "finishing", "cancelled")
_DOCUMENTS = ("order", "error", "facts", "progress", "later")


@dataclass(frozen=True)
class Job:
    """A job as its row says; times are unix seconds."""

    id: str
    kind: str
    source: str
    signed_by: str
    service_id: str | None
    server: str
    bundle: str
    domain: str
    folder: str
    email: str
    account: str
    language: str
    order: Order
    state: str
    step: str | None
    stage: str | None
    attempt: int
    percent: int
    version: int
    error: Error | None
    secrets_encrypted: str | None = field(repr=False)
    facts: Mapping[str, object]
    progress: Mapping[str, StageProgress]
    lock_name: str
    alarm: str
    created_at: float
    updated_at: float
    dropped_at: float | None
    expires_at: float | None
    heard_at: float | None
    events_kept: int
    events_bytes: int
    reports_until: float | None
    heartbeats_until: float | None
    lease_owner: str | None
    lease_until: float | None
    wake_at: float | None
    ended_at: float | None
    domain_key: str | None
    parent: str | None
    later: FollowUpParts | None
    pruned_at: float | None = None
    forgotten_at: float | None = None
    parts: str | None = None
    #: The agent that was placed last (controller.agent_archive.versions), None before the first.
    agent: str | None = None
    #: What the row stores is damaged, and left out here; `error` says what.
    is_damaged: bool = False

    @property
    def noun(self) -> str:
        """What the job makes, as its client calls it (controller.product_kind)."""
        return of(self).noun or SHOP


_NAMES = frozenset(one.name for one in fields(Job)) - {"is_damaged"}
#: The name of a column for what the job shares with others instead of its own `later`.
_SHARED = "shared_parts"
_shared = sa.select(follow_up_parts.c.content).where(follow_up_parts.c.digest == jobs.c.parts).scalar_subquery()
_COLUMNS = [*(jobs.c[one.name] for one in fields(Job) if one.name in _NAMES), _shared.label(_SHARED)]
# Built once: used for every report of every agent
_BY_ID = sa.select(*_COLUMNS).where(jobs.c.id == sa.bindparam("wanted"))
_BY_ID_LOCKED = _BY_ID.with_for_update()
# Built once: used for every order, or for every job by its worker
_SERVER_OF = sa.select(jobs.c.server).where(jobs.c.id == sa.bindparam("wanted"))
_BY_ORDER = sa.select(*_COLUMNS).where(jobs.c.order_key == sa.bindparam("wanted"))
_LIVING_IN = sa.select(jobs.c.id, jobs.c.signed_by).where(
    jobs.c.server == sa.bindparam("of_server"),
    jobs.c.account == sa.bindparam("of_account"),
    jobs.c.state == "live",
    jobs.c.ended_at.is_(None),
    jobs.c.kind == RESTORE,
)
_COUNT = sa.update(jobs).where(jobs.c.id == sa.bindparam("same_id"))

_CHANGE = sa.update(jobs).where(
    jobs.c.id == sa.bindparam("same_id"),
    jobs.c.version == sa.bindparam("same_version"),
    sa.func.coalesce(jobs.c.lease_owner, "") == sa.bindparam("same_owner"),
)


class Conflict(Exception):
    """The row was changed by another process between reading and writing."""


def _job(row: sa.Row[object]) -> Job:
    """Return the job of a row. Raises DamagedRow, which is `database_damaged`, where its documents are not intact."""
    values = dict(row._mapping)
    shared = values.pop(_SHARED)
    try:
        for name in _DOCUMENTS:
            values[name] = None if values[name] is None else json.loads(values[name])
        if values["later"] is None and shared is not None:
            values["later"] = {**json.loads(shared), "admin_folder": admin_folder(values["facts"])}
        judge_job(values)
        job = Job(**values)
        # Read once, and kept
        of(job)
    except DamagedRow as problem:
        raise DamagedRow(f"what is stored of job {row.id} is damaged: {problem.message}") from None
    except UNREADABLE as problem:
        raise DamagedRow(f"what is stored of job {row.id} is damaged: {problem}") from None
    return job


def _shown(row: sa.Row[object]) -> Job:
    """As `_job`; of a damaged row what its other columns say, and as its error what is damaged."""
    try:
        return _job(row)
    except DamagedRow as problem:
        tell(problem)
        values = {name: value for name, value in row._mapping.items() if name in _NAMES}
        empty: dict[str, Any] = {"order": {}, "facts": {}, "progress": {}, "later": None, "error": problem.as_dict()}
        return Job(**{**values, **empty, "is_damaged": True})


def admin_folder(known: Mapping[str, object]) -> str:
    """Return the back office's folder, as a job's stored facts name it."""
    return urlsplit(decode(known).admin_url or "").path.strip("/").rpartition("/")[2]


def _as_columns(values: Mapping[str, object]) -> dict[str, object]:
    return {
        name: json.dumps(value, sort_keys=True) if name in _DOCUMENTS and value is not None else value
        for name, value in values.items()
    }


def insert(connection: sa.Connection, values: JobColumns) -> None:
    """Add a job. Raises sqlalchemy IntegrityError when one of its keys is taken."""
    connection.execute(sa.insert(jobs).values(**_as_columns(values)))


def get(connection: sa.Connection, job_id: str, *, lock: bool = False) -> Job:
    """Return the job; with `lock` its row is locked until the transaction ends. Raises job_unknown."""
    row = connection.execute(_BY_ID_LOCKED if lock else _BY_ID, {"wanted": job_id}).first()
    if row is None:
        raise ShoplaunchError("job_unknown", f"there is no job {job_id[:60]!r}")
    return _job(row)


def of_which(*which: sa.ColumnElement[bool]) -> sa.Select[object]:
    """Return the query of the job with the id `wanted` if `which` holds, to be built once."""
    return _BY_ID.where(*which)


def first_of(connection: sa.Connection, query: sa.Select[object], values: Mapping[str, object]) -> Job | None:
    """Return the job of a query that `of_which` made, None for none."""
    row = connection.execute(query, values).first()
    return None if row is None else _job(row)


def update(connection: sa.Connection, job: Job, now: float, **values: Unpack[JobColumns]) -> Job:
    """Change the row if it still has the version and the holder of `job`; return it as it is now. Raises Conflict.

    `updated_at` changes only with columns outside of COUNTED, unless `values` hold an `updated_at` of their own. With
    it the job's details count as new to retention.
    """
    if values.keys() - set(COUNTED):
        values = {"updated_at": changed_at(job, now), "pruned_at": None, **values}
    values = {"updated_at": job.updated_at, **values, "version": job.version + 1}
    same = {"same_id": job.id, "same_version": job.version, "same_owner": job.lease_owner or ""}
    done = connection.execute(_CHANGE, {**_as_columns(values), **same})
    if done.rowcount != 1:
        raise Conflict(job.id)
    return after(job, values)


def changed_at(job: Job, now: float) -> float:
    """Return the `updated_at` of the job for a change of it now.

    That of a clock which was ahead stays: by it the job is found, and whatever else that clock wrote there set right.
    """
    return job.updated_at if job.updated_at > now + AHEAD_SECONDS else now


def count(connection: sa.Connection, job: Job, **values: Unpack[JobColumns]) -> Job:
    """Change only columns of COUNTED; the caller holds the row, whose version stays."""
    connection.execute(_COUNT, {**values, "same_id": job.id})
    return after(job, values)


def after(job: Job, columns: JobColumns) -> Job:
    """Return the job as it is once `columns` are written."""
    known: dict[str, Any] = {name: value for name, value in columns.items() if name in _NAMES}
    # A copy is made in half the time of `replace`, and keeps the facts that were read of the same document
    found = copy(job)
    vars(found).update(known)
    return found


def server_of(connection: sa.Connection, job_id: str) -> str:
    """Return the name of the job's server, "" where there is no such job."""
    return connection.execute(_SERVER_OF, {"wanted": job_id}).scalar() or ""


def find_by_order(connection: sa.Connection, order_key: str) -> Job | None:
    """Return the job made of this order, None when there is none."""
    row = connection.execute(_BY_ORDER, {"wanted": order_key}).first()
    return None if row is None else _job(row)


def is_begun(connection: sa.Connection, domain_key: str, signed_by: str, service_id: str, since: float) -> bool:
    """Return whether a job that the key ordered for its service holds the domain, was made at `since` or later, and is
    not cancelled."""
    query = sa.select(jobs.c.service_id, jobs.c.signed_by, jobs.c.created_at, jobs.c.state).where(
        jobs.c.domain_key == domain_key
    )
    row = connection.execute(query).first()
    if row is None or row.state == "cancelled":
        return False
    return (row.signed_by, row.service_id) == (signed_by, service_id) and row.created_at >= since


def living_in(connection: sa.Connection, server: str, account: str) -> dict[str, str]:
    """Return {id: key that signed its order} of the jobs whose live shops are in the account."""
    found = connection.execute(_LIVING_IN, {"of_server": server, "of_account": account})
    return {row.id: row.signed_by for row in found}


def is_claimed(connection: sa.Connection, account_key: str, job_id: str) -> bool:
    """Return whether another job than `job_id` holds the key of an account."""
    query = sa.select(jobs.c.id).where(jobs.c.account_key == account_key, jobs.c.id != job_id)
    return connection.execute(query).first() is not None


def cancelled_claims(connection: sa.Connection, domain_key: str, account_key: str) -> list[Job]:
    """Return the cancelled jobs that hold one of these keys."""
    is_held = sa.or_(jobs.c.domain_key == domain_key, jobs.c.account_key == account_key)
    query = sa.select(*_COLUMNS).where(is_held, jobs.c.state == "cancelled")
    return [_job(row) for row in connection.execute(query)]


def restores_at(connection: sa.Connection, job: Job) -> list[Job]:
    """Return the jobs that restore a bundle into the account of `job`, or to its address on the same server."""
    query = sa.select(*_COLUMNS).where(jobs.c.server == job.server, jobs.c.kind == RESTORE)
    there = query.where(jobs.c.account == job.account)
    address = (jobs.c.domain == job.domain, jobs.c.folder == job.folder)
    # One by the index on accounts, one by that on domains: with OR all jobs of the server would be read
    elsewhere = query.where(*address, jobs.c.account != job.account)
    return [_job(row) for row in connection.execute(sa.union_all(there, elsewhere))]


def open_follow_up(connection: sa.Connection, parent: str, kind: str) -> Job | None:
    """Return the follow-up job of `kind` on the shop of job `parent` that is not over, None when there is none."""
    query = sa.select(*_COLUMNS).where(jobs.c.parent == parent, jobs.c.kind == kind)
    row = connection.execute(query.where(jobs.c.state.not_in(("live", "cancelled", "ignored"))).limit(1)).first()
    return None if row is None else _job(row)


def follow_ups(connection: sa.Connection, parent: str, *, shows: bool = False) -> list[Job]:
    """Return the follow-up jobs on the shop of job `parent`, newest first; it `shows` damaged ones, else they raise."""
    query = sa.select(*_COLUMNS).where(jobs.c.parent == parent).order_by(jobs.c.created_at.desc(), jobs.c.id)
    return [_shown(row) if shows else _job(row) for row in connection.execute(query)]


def find_service(connection: sa.Connection, service_id: str, signed_by: str | None) -> Job | None:
    """Return the newest job of billing's service `service_id`, or the job with that id, None when there is none.

    Only jobs of the key `signed_by`; jobs of any key when it is None.
    """
    query = sa.select(*_COLUMNS).where(sa.or_(jobs.c.service_id == service_id, jobs.c.id == service_id))
    if signed_by is not None:
        query = query.where(jobs.c.signed_by == signed_by)
    row = connection.execute(query.order_by(jobs.c.created_at.desc(), jobs.c.id.desc()).limit(1)).first()
    return None if row is None else _job(row)


def listed(connection: sa.Connection, state: str | None, limit: int, offset: int) -> list[Job]:
    """Return jobs, the last changed first; only those in `state` when it is given."""
    # An index alone finds their ids: rows before the offset are skipped without being read
    which = sa.select(jobs.c.id).order_by(jobs.c.updated_at.desc(), jobs.c.id.desc()).limit(limit).offset(offset)
    if state is not None:
        which = which.where(jobs.c.state == state)
    ids = list(connection.execute(which).scalars())
    found = {row.id: _shown(row) for row in connection.execute(sa.select(*_COLUMNS).where(jobs.c.id.in_(ids)))}
    return [found[job_id] for job_id in ids]


def intact(connection: sa.Connection, which: sa.ColumnElement[bool]) -> Iterator[Job]:
    """Yield the jobs that meet `which`, by their ids, each read when it is wanted; damaged ones only the log names."""
    for job_id in connection.execute(sa.select(jobs.c.id).where(which).order_by(jobs.c.id)).scalars().all():
        try:
            yield get(connection, job_id)
        except DamagedRow as problem:
            tell(problem)


def counts(connection: sa.Connection) -> dict[str, int]:
    """Return state -> number of jobs."""
    rows = connection.execute(sa.select(jobs.c.state, sa.func.count()).group_by(jobs.c.state))
    return {state: number for state, number in rows}


def held_by(connection: sa.Connection, server: str, worker: str) -> list[Job]:
    """Return the jobs of the server whose leases the worker of that name holds, or held until they were over."""
    mine = jobs.c.lease_owner.startswith(f"{worker}:", autoescape=True)
    return list(intact(connection, sa.and_(jobs.c.server == server, mine)))


def ahead(connection: sa.Connection, far: float, leases: float, latest: float) -> list[str]:
    """Return the jobs that changed later than `far`, are leased beyond `leases`, or are due after `latest`."""
    when = (jobs.c.updated_at > far, jobs.c.heard_at > far, jobs.c.dropped_at > far)
    which = sa.or_(*when, jobs.c.lease_until > leases, jobs.c.wake_at > latest)
    return list(connection.execute(sa.select(jobs.c.id).where(which).order_by(jobs.c.id)).scalars())


def accounts_with_jobs(connection: sa.Connection, server: str) -> set[str]:
    """Return the accounts of `server` that have or had a job of any state."""
    query = sa.select(jobs.c.account).where(jobs.c.server == server).distinct()
    return set(connection.execute(query).scalars())
