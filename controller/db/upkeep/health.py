"""Queries for monitoring: overdue jobs, undelivered alarms, orders without a job."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

import sqlalchemy as sa

from controller.db.facts import Facts, Problem, decode, stores
from controller.db.jobs import NEED_SERVER
from controller.db.machines import breakers, duties
from controller.db.orders.services import BilledService
from controller.db.shapes import UNREADABLE, DamagedRow, tell
from controller.db.tables import agent_channels, jobs, refused_orders, server_breakers, services

if TYPE_CHECKING:
    from shared.documents import Error


class WantedAlarm(NamedTuple):
    """A job whose alarm is not delivered; `problem` says why, None before the first try."""

    job: str
    domain: str
    folder: str
    server: str
    state: str
    since: float
    error: Error | None
    problem: Problem | None


class Undelivered(NamedTuple):
    """How many alarms are due and not delivered, by what they are about."""

    jobs: int = 0
    orders: int = 0
    servers: int = 0
    duties: int = 0
    channels: int = 0

    @property
    def total(self) -> int:
        """How many they are together."""
        return sum(self)


class DueJob(NamedTuple):
    """A job, and since when it is due."""

    job: str
    since: float


#: At most this many forgotten services are handled at once.
MANY = 1000


def oldest_due(connection: sa.Connection, now: float) -> DueJob | None:
    """Return the job that has been due for longest, of those without a lease that do not wait for a server whose
    breaker is open; None without any."""
    free = sa.or_(jobs.c.lease_until.is_(None), jobs.c.lease_until <= now)
    opened = sa.select(server_breakers.c.server).where(server_breakers.c.next_at.is_not(None))
    waits = sa.and_(jobs.c.state.in_(NEED_SERVER), jobs.c.server.in_(opened))
    query = sa.select(jobs.c.id, jobs.c.wake_at).where(jobs.c.wake_at <= now, free, ~waits)
    row = connection.execute(query.order_by(jobs.c.wake_at).limit(1)).first()
    return None if row is None else DueJob(*row)


def open_refused(connection: sa.Connection) -> int:
    """Return how many refused orders are open."""
    query = sa.select(sa.func.count()).select_from(refused_orders).where(refused_orders.c.settled == "")
    return connection.execute(query).scalar_one()


def alarms_wanted(connection: sa.Connection, now: float) -> Undelivered:
    """Return how many alarms are not delivered; those that a process is sending just now count as well."""
    of_jobs = sa.select(sa.func.count()).select_from(jobs).where(jobs.c.alarm == "wanted")
    is_wanted = refused_orders.c.alarm.not_in(("", "told"))
    of_orders = sa.select(sa.func.count()).select_from(refused_orders).where(is_wanted)
    of_channels = sa.select(sa.func.count()).select_from(agent_channels).where(agent_channels.c.alarm == "wanted")
    return Undelivered(
        jobs=connection.execute(of_jobs).scalar_one(),
        orders=connection.execute(of_orders).scalar_one(),
        servers=sum(one.lacks_alarm(now) for one in breakers.listed(connection)),
        duties=sum(one.lacks_alarm(now) for one in duties.listed(connection)),
        channels=connection.execute(of_channels).scalar_one(),
    )


def jobs_wanting_alarm(connection: sa.Connection, limit: int) -> list[WantedAlarm]:
    """Return the jobs whose alarm is not delivered, the first changed one last."""
    names = ("id", "domain", "folder", "server", "state", "updated_at", "error", "facts")
    query = sa.select(*(jobs.c[name] for name in names)).where(jobs.c.alarm == "wanted")
    rows = connection.execute(query.order_by(jobs.c.updated_at.desc(), jobs.c.id).limit(limit))
    return [_alarm(row) for row in rows]


def _alarm(row: sa.Row[object]) -> WantedAlarm:
    error, problem = None, None
    try:
        error, problem = json.loads(row.error) if row.error else None, decode(json.loads(row.facts)).alarm_problem
    except (DamagedRow, *UNREADABLE) as damage:
        found = DamagedRow(f"what is stored of job {row.id} is damaged: {getattr(damage, 'message', damage)}")
        tell(found)
        error = found.as_dict()
    return WantedAlarm(row.id, row.domain, row.folder, row.server, row.state, row.updated_at, error, problem)


def waiting(connection: sa.Connection) -> int:
    """Return how many services without a job wait for billing to accept their order."""
    query = sa.select(sa.func.count()).select_from(services).where(_without_job(), _waits())
    return connection.execute(query).scalar_one()


def count_forgotten(connection: sa.Connection, before: float) -> int:
    """Return how many services have no job though they wait for nothing, and had no event since `before`."""
    query = sa.select(sa.func.count()).select_from(services).where(_forgotten(before))
    return connection.execute(query).scalar_one()


def forgotten(connection: sa.Connection, before: float) -> list[BilledService]:
    """Return those services, at most MANY; those with the latest events first."""
    names = ("signed_by", "service_id", "wanted", "accepted_at", "updated_at")
    query = sa.select(*(services.c[name] for name in names)).where(_forgotten(before))
    rows = connection.execute(query.order_by(services.c.updated_at.desc()).limit(MANY))
    return [BilledService(**{**row._mapping, "wanted": json.loads(row.wanted)}) for row in rows]


def _forgotten(before: float) -> sa.ColumnElement[bool]:
    return sa.and_(_without_job(), ~_waits(), services.c.updated_at < before)


def _waits() -> sa.ColumnElement[bool]:
    """Return the condition that a service waits for acceptance (controller.jobs.intake.billing_events); `wanted` is
    JSON as controller.db.orders.services writes it."""
    asked = services.c.wanted.contains('"wait_for_acceptance": true', autoescape=True)
    return sa.and_(asked, services.c.accepted_at.is_(None))


def _without_job() -> sa.ColumnElement[bool]:
    """Return the condition that a service was created, neither ended nor refused, and has no job."""
    # As controller.jobs.intake.billing_events finds jobs of a terminated period
    taken_back = sa.and_(jobs.c.state == "cancelled", stores(Facts(terminated=True)))
    same = sa.and_(jobs.c.service_id == services.c.service_id, jobs.c.signed_by == services.c.signed_by)
    has_job = sa.exists().where(same, jobs.c.ended_at.is_(None), ~taken_back)
    return sa.and_(
        services.c.wanted.is_not(None), services.c.terminated_at.is_(None), services.c.error.is_(None), ~has_job
    )
