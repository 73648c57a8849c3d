"""Queries of retention: which rows are over, the lease of the process that removes them, what it has removed.

Every function that removes takes at most a number of rows, so that no transaction is long. Times are unix seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from controller.db.connection.clock import Moment
from controller.db.tables import audit, events, jobs, retention, steps

#: The row of the lease, and how long the lease is held without being renewed.
SWEEP = "sweep"
LEASE_SECONDS = 120.0
#: States in which nothing works on a job any more.
OVER = ("live", "cancelled", "ignored")
#: States of a step that still is to be done, or is being done.
_OPEN_STEPS = ("waiting", "running")
#: A backup was made; the detail says where.
BACKED_UP = "backup"
#: Actions of which the audit log always keeps the newest row: `key retire` asks when keys were made, `doctor` when the
#: last backup was.
KEPT_ACTIONS = ("key rotate", BACKED_UP)


class Kept(NamedTuple):
    """What is known of a kind: how many rows were removed, and the time of the oldest that is left."""

    kind: str
    removed: int
    oldest_at: float | None


def is_over(now: float) -> sa.ColumnElement[bool]:
    """Return the condition that a job is over and nothing works on it: no lease, no rollback, no step to come."""
    free = sa.or_(jobs.c.lease_until.is_(None), jobs.c.lease_until <= now)
    to_come = sa.exists().where(steps.c.job == jobs.c.id, steps.c.state.in_(_OPEN_STEPS))
    # A live job may be due: its certificate is looked for. Its steps say whether anything is left to do
    rests = sa.or_(jobs.c.state == "ignored", jobs.c.wake_at.is_(None), sa.and_(jobs.c.state == "live", ~to_come))
    return sa.and_(jobs.c.state.in_(OVER), free, rests)


def with_events(connection: sa.Connection, before: float, now: float, limit: int) -> list[str]:
    """Return jobs that are over since `before` and still have events."""
    # The index on events alone is read; only jobs of the last weeks and failed ones have any
    some = sa.select(events.c.job).distinct()
    query = sa.select(jobs.c.id).where(jobs.c.id.in_(some), jobs.c.updated_at < before, is_over(now))
    return list(connection.execute(query.order_by(jobs.c.updated_at).limit(limit)).scalars())


def with_details(connection: sa.Connection, before: float, now: float, limit: int) -> list[str]:
    """Return jobs that are over since `before`, hold no secret, and whose details are still there."""
    query = sa.select(jobs.c.id).where(jobs.c.pruned_at.is_(None), jobs.c.updated_at < before)
    query = query.where(is_over(now), jobs.c.secrets_encrypted.is_(None)).order_by(jobs.c.updated_at)
    return list(connection.execute(query.limit(limit)).scalars())


def with_people(connection: sa.Connection, before: float, now: float, limit: int) -> list[str]:
    """Return the jobs that restored a shop whose service ended before, or that never made one, and name a client."""
    ended = sa.and_(jobs.c.state == "live", jobs.c.ended_at < before)
    never = sa.and_(jobs.c.state.in_(("cancelled", "ignored")), jobs.c.updated_at < before)
    query = sa.select(jobs.c.id).where(jobs.c.forgotten_at.is_(None), jobs.c.parent.is_(None), sa.or_(ended, never))
    query = query.where(is_over(now), jobs.c.secrets_encrypted.is_(None)).order_by(jobs.c.updated_at)
    return list(connection.execute(query.limit(limit)).scalars())


def still(connection: sa.Connection, job_id: str, now: float, *which: sa.ColumnElement[bool]) -> bool:
    """Lock the job's row; return whether it is over still, and meets `which`."""
    query = sa.select(jobs.c.id).where(jobs.c.id == job_id, is_over(now), *which)
    connection.execute(sa.select(jobs.c.id).where(jobs.c.id == job_id).with_for_update())
    return connection.execute(query).first() is not None


def remove(connection: sa.Connection, table: sa.Table, limit: int, *which: sa.ColumnElement[bool]) -> int:
    """Remove at most `limit` of the rows that meet `which`, the first of them; return how many."""
    (primary,) = table.primary_key.columns
    found = list(connection.execute(sa.select(primary).where(*which).order_by(primary).limit(limit)).scalars())
    if found:
        connection.execute(sa.delete(table).where(primary.in_(found)))
    return len(found)


def remove_steps(connection: sa.Connection, job_id: str, kept: Sequence[str]) -> int:
    """Remove the job's steps but those `kept`, which lose their notes; return how many."""
    mine = steps.c.job == job_id
    gone = connection.execute(sa.delete(steps).where(mine, steps.c.name.not_in(kept))).rowcount
    connection.execute(sa.update(steps).where(mine).values(note="", error=None))
    return gone


def old_audit(connection: sa.Connection, before: float, limit: int) -> list[int]:
    """Return the numbers of at most `limit` rows of the audit log that are older."""
    # By number: rows are written in the order of their time, which has no index
    first = sa.select(audit.c.id).order_by(audit.c.id).limit(limit + len(KEPT_ACTIONS)).subquery()
    newest = sa.select(sa.func.max(audit.c.id)).where(audit.c.action.in_(KEPT_ACTIONS)).group_by(audit.c.action)
    kept = set(connection.execute(newest).scalars())
    query = sa.select(audit.c.id).where(audit.c.id.in_(sa.select(first.c.id)), audit.c.at < before)
    return [number for number in connection.execute(query.order_by(audit.c.id)).scalars() if number not in kept][:limit]


def take(connection: sa.Connection, owner: str, moment: Moment) -> bool:
    """Take the lease of the sweep, or extend it; return False when another process holds it."""
    until = moment.now + LEASE_SECONDS
    free = sa.or_(
        retention.c.owner.is_(None), retention.c.owner == owner, retention.c.until <= moment.leases,
        # No lease is longer: it was taken by a clock that was ahead
        retention.c.until > moment.now + 2 * LEASE_SECONDS,
    )  # fmt: skip
    same = sa.update(retention).where(retention.c.kind == SWEEP)
    connection.execute(same.where(free).values(owner=owner, until=until))
    held = connection.execute(sa.select(retention.c.owner).where(retention.c.kind == SWEEP)).first()
    if held is not None:
        return bool(held.owner == owner)
    try:
        with connection.begin_nested():
            connection.execute(sa.insert(retention).values(kind=SWEEP, owner=owner, until=until))
    except IntegrityError:
        # Another process has added it since
        return False
    return True


def holder(connection: sa.Connection) -> str | None:
    """Return the process that has the lease, which may be over; None: nobody."""
    return connection.execute(sa.select(retention.c.owner).where(retention.c.kind == SWEEP)).scalar()


def release(connection: sa.Connection, owner: str, swept_at: float | None) -> None:
    """Give the lease back; `swept_at`: when the sweep was complete."""
    done = {} if swept_at is None else {"at": swept_at}
    same = sa.update(retention).where(retention.c.kind == SWEEP, retention.c.owner == owner)
    connection.execute(same.values(owner=None, until=None, **done))


def swept_at(connection: sa.Connection) -> float | None:
    """Return when a sweep was last complete, None before the first."""
    return connection.execute(sa.select(retention.c.at).where(retention.c.kind == SWEEP)).scalar()


def count(connection: sa.Connection, kind: str, removed: int) -> None:
    """Add to what was removed of the kind; the caller holds the lease."""
    same = retention.c.kind == kind
    if connection.execute(sa.select(retention.c.kind).where(same)).first() is None:
        connection.execute(sa.insert(retention).values(kind=kind, removed=removed))
    elif removed:
        connection.execute(sa.update(retention).where(same).values(removed=retention.c.removed + removed))


def note_oldest(connection: sa.Connection, kind: str, oldest_at: float | None) -> None:
    """Note the time of the oldest row of the kind that is left; the caller holds the lease."""
    count(connection, kind, 0)
    connection.execute(sa.update(retention).where(retention.c.kind == kind).values(oldest_at=oldest_at))


def listed(connection: sa.Connection) -> list[Kept]:
    """Return what is known of each kind that a sweep has looked at."""
    columns = (retention.c.kind, retention.c.removed, retention.c.oldest_at)
    rows = connection.execute(sa.select(*columns).where(retention.c.kind != SWEEP).order_by(retention.c.kind))
    return [Kept(*row) for row in rows]
