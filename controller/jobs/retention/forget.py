"""Erases what is stored of one client's service, at once, and keeps the figures of its certificate."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from controller.db import jobs
from controller.db.connection.engine import clear_of_traces, reading, transact
from controller.db.identities.access import Note
from controller.db.jobs import Job
from controller.db.orders import refused_orders, services
from controller.db.tables import jobs as job_table
from controller.db.upkeep import retention as rows
from controller.jobs.retention import people, spools
from controller.jobs.retention.naming import Client
from controller.jobs.retention.sweep import SweepContext
from shared.errors import ShoplaunchError


@dataclass(frozen=True)
class Forgotten:
    """What was erased: the jobs, and rows and files in all; nothing where it was erased before."""

    jobs: list[str]
    rows: int
    files: int


def named(context: SweepContext, given: str) -> tuple[str, str]:
    """Return (key, service) of KEY/SERVICE, or of a job's id: (key of its order, its service or its id).

    Raises ShoplaunchError `job_unknown`.
    """
    key, slash, number = given.partition("/")
    if slash:
        return key, number
    with reading(context.engine) as connection:
        job = jobs.get(connection, given)
        job = job if job.parent is None else jobs.get(connection, job.parent)
    return job.signed_by, job.service_id or job.id


def require(context: SweepContext, signed_by: str, service_id: str) -> list[Job]:
    """Return the service's jobs that still name the client. Raises service_unknown, job_under_way."""
    with reading(context.engine) as connection:
        _require_known(connection, signed_by, service_id)
        found = _jobs(connection, signed_by, service_id)
        _require_over(connection, found, context.clock())
    return found


def forget(context: SweepContext, signed_by: str, service_id: str, note: Note) -> Forgotten:
    """Erase everything that is stored of the service of the key `signed_by`, or of the job with that id; it may be
    repeated. The audit log gets `note`.

    Raises ShoplaunchError `service_unknown`, `job_under_way` while one of its jobs is being worked on, database_busy.
    """
    require(context, signed_by, service_id)
    files: list[int] = []

    def work(connection: sa.Connection) -> Forgotten:
        now = context.clock()
        # Locked before anything is read: an order that waits, or is sent again, may become a job at this moment
        services.get(connection, signed_by, service_id, lock=True)
        refused = refused_orders.of_service(signed_by, service_id)
        refused_orders.lock(connection, refused)
        mine = [jobs.get(connection, one.id, lock=True) for one in _jobs(connection, signed_by, service_id)]
        _require_over(connection, mine, now)
        # The files first: what they belong to is in the rows. While these are locked nobody mails anything of the jobs
        files.extend(spools.remove(spools.mails(context.config, one)) for one in _mailed(connection, refused, mine))
        gone = _erase_service(connection, signed_by, service_id, now)
        for job in mine:
            job = jobs.update(connection, job, now, ended_at=job.ended_at or now)
            gone += people.erase(connection, context.keys, job, now)
        note.about(f"{len(mine)} jobs of {signed_by}/{service_id}").write(connection, now, None)
        return Forgotten([job.id for job in mine], gone, sum(files))

    done = transact(context.engine, work)
    clear_of_traces(context.engine)
    return done


def _of_service(signed_by: str, service_id: str) -> sa.ColumnElement[bool]:
    named = sa.or_(job_table.c.service_id == service_id, job_table.c.id == service_id)
    return sa.and_(job_table.c.signed_by == signed_by, named, job_table.c.parent.is_(None))


def _require_known(connection: sa.Connection, signed_by: str, service_id: str) -> None:
    """Raise service_unknown where nothing is stored of the service."""
    made = connection.execute(sa.select(job_table.c.id).where(_of_service(signed_by, service_id)).limit(1)).first()
    known = made or services.get(connection, signed_by, service_id)
    if not known and not refused_orders.is_open(connection, refused_orders.of_service(signed_by, service_id)):
        raise ShoplaunchError("service_unknown", f"nothing is stored of a service {service_id[:64]!r} of this key")


def _jobs(connection: sa.Connection, signed_by: str, service_id: str) -> list[Job]:
    """Return the service's jobs that name the client still."""
    which = (_of_service(signed_by, service_id), job_table.c.forgotten_at.is_(None))
    query = sa.select(job_table.c.id).where(*which).order_by(job_table.c.created_at)
    return [jobs.get(connection, row.id) for row in connection.execute(query).all()]


def _require_over(connection: sa.Connection, found: list[Job], now: float) -> None:
    """Raise job_under_way unless nothing works on the jobs, nor on their follow-up jobs."""
    for job in found:
        for one in (job, *jobs.follow_ups(connection, job.id)):
            if not rows.still(connection, one.id, now):
                message = f"job {one.id} is {one.state}, and is worked on or waits for an operator"
                raise ShoplaunchError("job_under_way", message)


def _mailed(connection: sa.Connection, service: sa.ColumnElement[bool], found: list[Job]) -> list[str]:
    """Return whom mails are about: the jobs, their follow-up jobs, and refused orders that go with them."""
    refused = refused_orders.numbers(connection, sa.or_(service, *(people.refusals(job) for job in found)))
    names = [one.id for job in found for one in (job, *jobs.follow_ups(connection, job.id))]
    return names + [refused_orders.MAILED.format(number) for number in refused]


def _erase_service(connection: sa.Connection, signed_by: str, service_id: str, now: float) -> int:
    """Erase what came of the service before there was a job, and what was answered to that; return how many rows."""
    known = services.get(connection, signed_by, service_id)
    wanted = {} if known is None else dict(known.wanted or {})
    domains, emails, accounts = (
        frozenset({str(wanted.get(name) or "")} - {""}) for name in ("domain", "email", "account")
    )
    refused = refused_orders.drop(connection, refused_orders.of_service(signed_by, service_id))
    client = Client(frozenset(), domains | refused, emails, accounts, (signed_by, service_id))
    gone = people.scrub_answers(connection, client) + people.drop_unanswered(connection, signed_by)
    gone += len(refused) + people.scrub_audit(connection, client)
    return gone + people.empty_service(connection, signed_by, service_id, now)
