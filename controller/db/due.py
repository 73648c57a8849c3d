"""Queries on jobs that are due, by server: what an engine looks for, and claims."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from controller.db import jobs as job_rows
from controller.db import leases
from controller.db.connection.clock import Moment
from controller.db.jobs import NEED_SERVER, Job
from controller.db.machines import breakers
from controller.db.machines.breakers import Breaker
from controller.db.tables import jobs, server_breakers

#: The version from which a database leaves out locked rows; of MariaDB, and of MySQL.
_SKIPS = {True: (10, 6), False: (8, 0, 1)}
#: The state in which shops are visited, and those in which they will be soon.
_VISITED = "finishing"
_AWAITED = ("dropped", "restoring", _VISITED)
#: A job that was due for so long is late, unless the caller says otherwise.
LATE_SECONDS = 0.5
#: Which of a server's due jobs are asked for.
ALL, ORDERS, VISITS = "all", "orders", "visits"
#: Of jobs that nobody holds: a worker was at it and has not given it back, so it was killed.
_IS_LEFT = jobs.c.lease_until.is_not(None)
#: A shop whose agent is done is visited before another order begins. Then comes what a killed worker was at: its client
#: has waited for that as well.
_FIRST = sa.case((jobs.c.state == _VISITED, 0), (_IS_LEFT, 1), else_=2)


class DueServer(NamedTuple):
    """A server, how many of its jobs are due, and how many of these are finished shops; how many of each are late; how
    many of the jobs a worker was at, and did not give back."""

    server: str
    jobs: int
    visits: int = 0
    late: int = 0
    late_visits: int = 0
    left: int = 0

    def at_most(self, jobs: int, visits: int) -> DueServer:
        """Return it with no more jobs and visits than these."""
        jobs, visits = min(jobs, self.jobs), min(visits, self.visits)
        late, late_visits, left = min(jobs, self.late), min(visits, self.late_visits), min(jobs, self.left)
        return DueServer(self.server, jobs, visits, late, late_visits, left)

    def left_by_others(self) -> DueServer:
        """Return it with those alone that are late."""
        return self._replace(jobs=self.late, visits=self.late_visits)


_FREE = (
    jobs.c.wake_at <= sa.bindparam("now", type_=sa.Double),
    sa.or_(jobs.c.lease_until.is_(None), jobs.c.lease_until <= sa.bindparam("leases", type_=sa.Double)),
)
# Built once: asked for every claim
_LOCKED = {skips: job_rows.of_which(*_FREE).with_for_update(skip_locked=skips) for skips in (True, False)}


def servers(
    connection: sa.Connection, moment: Moment, late_seconds: float = LATE_SECONDS
) -> tuple[list[DueServer], list[Breaker]]:
    """Return (servers with due jobs that nobody holds, those of _FIRST first, then the longest due; the breakers of
    servers that fail). Where nothing is due no breaker is read. Late are jobs that have been due for `late_seconds`.

    Of a server whose breaker is open only those count that `candidates` would return.
    """
    latest = moment.now - late_seconds
    found = _counted(connection, moment, latest)
    if not found:
        return [], []
    known = breakers.listed(connection)
    opened = {one.server: one for one in known if one.is_open}
    if not opened:
        return found, known
    without = _counted(connection, moment, latest, list(opened))
    get_on = {one.server for one in without}
    probed = [
        one.at_most(1, 1)
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


def _by_server() -> sa.Select[*tuple[Any, ...]]:
    # By an expression: the index on servers would be read for its order, and with it all jobs
    server = sa.func.coalesce(jobs.c.server, "").label("of_server")
    is_visit, is_late = jobs.c.state == _VISITED, jobs.c.wake_at <= sa.bindparam("latest", type_=sa.Double)
    which_count = (is_visit, is_late, sa.and_(is_visit, is_late), _IS_LEFT)
    counts = [sa.func.sum(sa.case((which, 1), else_=0)) for which in which_count]
    query = sa.select(server, sa.func.count(), *counts).where(*_FREE)
    return query.group_by(server).order_by(sa.func.min(_FIRST), sa.func.min(jobs.c.wake_at))


# Built once: asked for in every round of a worker
_BY_SERVER = _by_server()
_SINCE = sa.func.min(jobs.c.wake_at)
_FINISHED = (
    sa.select(jobs.c.server, sa.func.count(), _SINCE)
    .where(jobs.c.state == _VISITED, *_FREE, ~sa.exists().where(server_breakers.c.server == jobs.c.server))
    .group_by(jobs.c.server)
    .order_by(_SINCE)
)
_WITH_AGENTS = (
    sa.select(jobs.c.server)
    .where(jobs.c.state.in_(_AWAITED), jobs.c.server.in_(sa.bindparam("servers", expanding=True)))
    .distinct()
)


def _counted(connection: sa.Connection, moment: Moment, latest: float, opened: Collection[str] = ()) -> list[DueServer]:
    query = _BY_SERVER.where(~_waits(opened, moment.now)) if opened else _BY_SERVER
    values = {**_at(moment), "latest": latest}
    # Sums are decimals in some databases
    return [DueServer(name, *map(int, counts)) for name, *counts in connection.execute(query, values)]


def visits(connection: sa.Connection, moment: Moment) -> dict[str, tuple[int, float]]:
    """Return the servers with finished shops that are due and that nobody holds, the longest due first -> (how many,
    since when); none whose last call failed."""
    found = connection.execute(_FINISHED, _at(moment))
    return {server: (number, first) for server, number, first in found}


def with_agents(connection: sa.Connection, servers: Collection[str]) -> set[str]:
    """Return those of the servers on which agents work, or shops are finished."""
    return set(connection.execute(_WITH_AGENTS, {"servers": list(servers)}).scalars())


def _at(moment: Moment) -> dict[str, float]:
    """Return the values of _FREE."""
    return {"now": moment.now, "leases": moment.leases}


class Candidate(NamedTuple):
    """A due job, and its rank in _FIRST: the lowest come first."""

    job: str
    rank: int

    @property
    def is_visit(self) -> bool:
        """Return whether a finished shop is to be visited."""
        return self.rank == 0


#: When the server's next call is the probe, where its breaker is open.
_OPENED = (
    sa.select(server_breakers.c.next_at).where(server_breakers.c.server == sa.bindparam("of_server")).scalar_subquery()
)
_OF_SERVER = sa.select(jobs.c.id, _FIRST, _OPENED).where(jobs.c.server == sa.bindparam("of_server"), *_FREE)
_IN_ORDER = _OF_SERVER.order_by(_FIRST, jobs.c.wake_at).limit(sa.bindparam("most", type_=sa.Integer))
#: Which jobs are asked for -> their query. Built once: asked for every claim.
_CANDIDATES = {
    ALL: _IN_ORDER,
    ORDERS: _IN_ORDER.where(jobs.c.state != _VISITED),
    VISITS: _IN_ORDER.where(jobs.c.state == _VISITED),
}


def candidates(
    connection: sa.Connection,
    server: str,
    moment: Moment,
    limit: int,
    *,
    which: str = ALL,
    without: Collection[str] = (),
) -> Sequence[Candidate]:
    """Return the server's due jobs that nobody holds, by _FIRST and then the longest due: ALL, ORDERS without
    finished shops, or VISITS, these alone; and none of the accounts `without`.

    While its breaker is open: those that do not wait for it, and one that may be the probe.
    """
    query, values = _CANDIDATES[which], {"of_server": server, "most": limit, **_at(moment)}
    if without:
        query = query.where(jobs.c.account.not_in(without))
    first = list(connection.execute(query, values))
    breaker = breakers.get(connection, server) if any(row[2] is not None for row in first) else None
    if breaker is None or not breaker.is_open:
        return [Candidate(*row[:2]) for row in first]
    waiting = _waits([server], moment.now)
    rows = list(connection.execute(query.where(~waiting), values))
    if not rows and _may_probe(breaker, moment):
        # The one that was moved longest ago: an account that hangs by itself must not be each probe
        oldest = query.where(waiting).order_by(None).order_by(jobs.c.updated_at)
        rows += connection.execute(oldest, {**values, "most": 1})
    return [Candidate(*row[:2]) for row in rows]


def claim(connection: sa.Connection, job_id: str, owner: str, moment: Moment, until: float) -> Job | None:
    """Take the lease of a due job and return it; None when another owner holds it, or its row is locked."""
    job = lock(connection, job_id, moment)
    return None if job is None else leases.hold(connection, job, owner, until)


def lock(connection: sa.Connection, job_id: str, moment: Moment) -> Job | None:
    """Return the due job, its row locked; None when another owner holds it, or its row is locked."""
    return job_rows.first_of(connection, _LOCKED[skips_locked(connection)], {"wanted": job_id, **_at(moment)})


def free(connection: sa.Connection, job_ids: Collection[str], moment: Moment) -> int:
    """Return how many of the jobs are due and held by nobody."""
    query = sa.select(sa.func.count()).select_from(jobs).where(jobs.c.id.in_(job_ids), *_FREE)
    return connection.execute(query, _at(moment)).scalar_one()


def skips_locked(connection: sa.Connection) -> bool:
    """Return whether the database can leave out rows that another transaction has locked."""
    dialect = connection.dialect
    if dialect.name == "sqlite":
        return False
    if dialect.name == "postgresql":
        return True
    version = getattr(dialect, "server_version_info", None) or (0,)
    return tuple(version) >= _SKIPS[bool(getattr(dialect, "is_mariadb", False))]
