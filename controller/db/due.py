"""Queries on jobs that are due, by server: what an engine looks for, and claims."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

import sqlalchemy as sa

from controller.db import jobs as job_rows
from controller.db.connection.clock import Moment
from controller.db.jobs import NEED_SERVER, Job
from controller.db.machines import breakers
from controller.db.machines.breakers import Breaker
from controller.db.tables import jobs, server_breakers

#: The version from which a database leaves out locked rows; of MariaDB, and of MySQL.
_SKIPS = {True: (10, 6), False: (8, 0, 1)}
#: The state in which shops are visited.
_VISITED = "finishing"
#: A shop whose agent is done is visited before another order begins.
_FIRST = sa.case((jobs.c.state == _VISITED, 0), else_=1)


class DueServer(NamedTuple):
    """A server, and how many of its jobs are due."""

    server: str
    jobs: int


def _free(moment: Moment) -> tuple[sa.ColumnElement[bool], ...]:
    return jobs.c.wake_at <= moment.now, sa.or_(jobs.c.lease_until.is_(None), jobs.c.lease_until <= moment.leases)


def servers(connection: sa.Connection, moment: Moment) -> tuple[list[DueServer], list[Breaker]]:
    """Return (servers with due jobs that nobody holds: with finished shops first, then the longest due; the breakers of
    servers that fail). Where nothing is due no breaker is read.

    Of a server whose breaker is open only those count that `candidates` would return.
    """
    found = _counted(connection, moment)
    if not found:
        return [], []
    known = breakers.listed(connection)
    opened = {one.server: one for one in known if one.is_open}
    if not opened:
        return found, known
    without = _counted(connection, moment, list(opened))
    get_on = {one.server for one in without}
    probed = [
        DueServer(one.server, 1)
        for one in found
        if one.server in opened and one.server not in get_on and _may_probe(opened[one.server], moment)
    ]
    return without + probed, known


def _waits(opened: Collection[str], now: float) -> sa.ColumnElement[bool]:
    """Return the condition that a due job waits for one of the servers `opened`."""
    is_patient = jobs.c.wake_at > now - breakers.PATIENCE_SECONDS
    return sa.and_(jobs.c.server.in_(opened), jobs.c.state.in_(NEED_SERVER), is_patient)


def _may_probe(breaker: Breaker, moment: Moment) -> bool:
    return breaker.may_probe(moment.now, moment.leases)


def _counted(connection: sa.Connection, moment: Moment, opened: Collection[str] = ()) -> list[DueServer]:
    # By an expression: the index on servers would be read for its order, and with it all jobs
    server = sa.func.coalesce(jobs.c.server, "").label("of_server")
    query = sa.select(server, sa.func.count()).where(*_free(moment))
    if opened:
        query = query.where(~_waits(opened, moment.now))
    query = query.group_by(server).order_by(sa.func.min(_FIRST), sa.func.min(jobs.c.wake_at))
    return [DueServer(*row) for row in connection.execute(query)]


class Candidate(NamedTuple):
    """A due job, and its rank: that of finished shops is lower, and they come first."""

    job: str
    rank: int


def in_turn(found: Sequence[Candidate], turn: int) -> Sequence[Candidate]:
    """Return the candidates for one of several who claim at once: each begins with another one of those of the first
    rank, so that few claims miss."""
    same = [one for one in found if one.rank == found[0].rank]
    start = turn % max(1, len(same))
    return [*same[start:], *same[:start], *found[len(same) :]]


def candidates(
    connection: sa.Connection,
    server: str,
    moment: Moment,
    limit: int,
    *,
    visits: bool = True,
    without: Collection[str] = (),
) -> Sequence[Candidate]:
    """Return the server's due jobs that nobody holds, finished shops first, then the longest due; without `visits` no
    finished shops, and none of the accounts `without`.

    While its breaker is open: those that do not wait for it, and one that may be the probe.
    """
    query = sa.select(jobs.c.id, _FIRST).where(jobs.c.server == server, *_free(moment))
    if not visits:
        query = query.where(jobs.c.state != _VISITED)
    if without:
        query = query.where(jobs.c.account.not_in(without))
    found = query.order_by(_FIRST, jobs.c.wake_at).limit(limit)
    opened = sa.select(server_breakers.c.next_at).where(server_breakers.c.server == server).scalar_subquery()
    first = list(connection.execute(found.add_columns(opened)))
    breaker = breakers.get(connection, server) if any(row[2] is not None for row in first) else None
    if breaker is None or not breaker.is_open:
        return [Candidate(*row[:2]) for row in first]
    waiting = _waits([server], moment.now)
    rows = list(connection.execute(found.where(~waiting)))
    if not rows and _may_probe(breaker, moment):
        # The one that was moved longest ago: an account that hangs by itself must not be each probe
        rows += connection.execute(query.where(waiting).order_by(jobs.c.updated_at).limit(1))
    return [Candidate(*row) for row in rows]


def claim(connection: sa.Connection, job_id: str, owner: str, moment: Moment, until: float) -> Job | None:
    """Take the lease of a due job and return it; None when another owner holds it, or its row is locked."""
    job = lock(connection, job_id, moment)
    return None if job is None else job_rows.hold(connection, job, owner, until)


def lock(connection: sa.Connection, job_id: str, moment: Moment) -> Job | None:
    """Return the due job, its row locked; None when another owner holds it, or its row is locked."""
    return job_rows.lock(connection, skips_locked(connection), jobs.c.id == job_id, *_free(moment))


def free(connection: sa.Connection, job_ids: Collection[str], moment: Moment) -> int:
    """Return how many of the jobs are due and held by nobody."""
    query = sa.select(sa.func.count()).select_from(jobs).where(jobs.c.id.in_(job_ids), *_free(moment))
    return connection.execute(query).scalar_one()


def skips_locked(connection: sa.Connection) -> bool:
    """Return whether the database can leave out rows that another transaction has locked."""
    dialect = connection.dialect
    if dialect.name == "sqlite":
        return False
    if dialect.name == "postgresql":
        return True
    version = getattr(dialect, "server_version_info", None) or (0,)
    return tuple(version) >= _SKIPS[bool(getattr(dialect, "is_mariadb", False))]
