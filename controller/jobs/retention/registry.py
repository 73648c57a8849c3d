"""The registry of what is removed in time: each kind with its setting, what goes, and how.

A new kind is one entry of KINDS, and a setting of the same name in `controller.settings.sections.RetentionConfig`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from controller.db import events as event_rows
from controller.db import facts, jobs
from controller.db.documents import JobColumns
from controller.db.jobs import Job
from controller.db.tables import answers, audit, events, refused_orders
from controller.db.tables import jobs as job_table
from controller.db.upkeep import retention as rows
from controller.jobs.retention import details, people
from controller.keys import Keys

#: Rows that one transaction removes at most, and jobs of which it removes the details.
ROWS = 500
JOBS = 20


@dataclass(frozen=True)
class Moment:
    """The time now, and the time before which a kind's rows are over; unix seconds."""

    now: float
    before: float


@dataclass(frozen=True)
class Kind:
    """One kind. `find` returns keys of rows that are over, at most so many; `remove` removes what they name, if it is
    over still, and returns how many rows that were; `oldest` is the time of the oldest row that is left.

    `at_once`: how many keys one transaction takes.
    """

    name: str
    #: What goes, for people.
    what: str
    find: Callable[[sa.Connection, Moment, int], Sequence[Any]]
    remove: Callable[[sa.Connection, Keys, Sequence[Any], Moment], int]
    oldest: Callable[[sa.Connection, float], float | None]
    at_once: int = ROWS


def _over(connection: sa.Connection, job_id: str, moment: Moment, *which: sa.ColumnElement[bool]) -> Job | None:
    """Return the job with its row locked, None when it is not over any more."""
    if not rows.still(connection, job_id, moment.now, *which):
        return None
    return jobs.get(connection, job_id)


def _remove_events(connection: sa.Connection, _keys: Keys, found: Sequence[str], moment: Moment) -> int:
    gone = 0
    for job_id in found:
        job = _over(connection, job_id, moment, job_table.c.updated_at < moment.before)
        if job is None:
            continue
        last = event_rows.last_seq(connection, job_id, job.attempt)
        gone += rows.remove(connection, events, ROWS, events.c.job == job_id)
        # An agent that sends one of them again is answered as before
        dropped = max(facts.of(job).events_dropped, last)
        columns: JobColumns = {"events_kept": 0, "events_bytes": 0, **_dropped(job, dropped)}
        columns |= {"updated_at": job.updated_at, "pruned_at": job.pruned_at}
        jobs.update(connection, job, moment.now, **columns)
    return gone


def _dropped(job: Job, last: int) -> JobColumns:
    return facts.column(replace(facts.of(job), events_dropped=last))


def _remove_details(connection: sa.Connection, _keys: Keys, found: Sequence[str], moment: Moment) -> int:
    still = (job_table.c.pruned_at.is_(None), job_table.c.updated_at < moment.before)
    taken = [_over(connection, job_id, moment, *still) for job_id in found]
    return sum(details.remove(connection, job, moment.now) for job in taken if job is not None)


def _remove_people(connection: sa.Connection, keys: Keys, found: Sequence[str], moment: Moment) -> int:
    gone = 0
    for job_id in found:
        job = _over(connection, job_id, moment, job_table.c.forgotten_at.is_(None))
        if job is None or people.is_needed(connection, job) or not _follow_ups_over(connection, job, moment):
            continue
        gone += people.erase(connection, keys, job, moment.now)
        if job.service_id is not None and not _lives_on(connection, job):
            gone += people.empty_service(connection, job.signed_by, job.service_id, moment.now)
    return gone


def _follow_ups_over(connection: sa.Connection, job: Job, moment: Moment) -> bool:
    return all(rows.still(connection, one.id, moment.now) for one in jobs.follow_ups(connection, job.id))


def _lives_on(connection: sa.Connection, job: Job) -> bool:
    """Return whether the service has another job, or was ordered anew since."""
    same = (job_table.c.service_id == job.service_id, job_table.c.signed_by == job.signed_by)
    query = sa.select(job_table.c.id).where(*same, job_table.c.forgotten_at.is_(None), job_table.c.id != job.id)
    return connection.execute(query.limit(1)).first() is not None


def _find_answers(connection: sa.Connection, moment: Moment, limit: int) -> Sequence[object]:
    query = sa.select(answers.c.event).where(answers.c.claimed_at < moment.before).order_by(answers.c.claimed_at)
    return list(connection.execute(query.limit(limit)).scalars())


def _remove_answers(connection: sa.Connection, _keys: Keys, found: Sequence[object], moment: Moment) -> int:
    which = (answers.c.event.in_(found), answers.c.claimed_at < moment.before)
    return connection.execute(sa.delete(answers).where(*which)).rowcount


def _find_audit(connection: sa.Connection, moment: Moment, limit: int) -> Sequence[object]:
    return rows.old_audit(connection, moment.before, limit)


def _remove_audit(connection: sa.Connection, _keys: Keys, found: Sequence[object], moment: Moment) -> int:
    return connection.execute(sa.delete(audit).where(audit.c.id.in_(found), audit.c.at < moment.before)).rowcount


def _find_refused(connection: sa.Connection, moment: Moment, limit: int) -> Sequence[object]:
    query = sa.select(refused_orders.c.id).where(_is_settled(moment))
    return list(connection.execute(query.order_by(refused_orders.c.id).limit(limit)).scalars())


def _remove_refused(connection: sa.Connection, _keys: Keys, found: Sequence[object], moment: Moment) -> int:
    query = sa.delete(refused_orders).where(refused_orders.c.id.in_(found), _is_settled(moment))
    return connection.execute(query).rowcount


def _is_settled(moment: Moment) -> sa.ColumnElement[bool]:
    return sa.and_(refused_orders.c.settled != "", refused_orders.c.settled_at < moment.before)


def _first(column: sa.Column[Any], *which: sa.ColumnElement[bool]) -> Callable[[sa.Connection, float], float | None]:
    return lambda connection, _now: connection.execute(sa.select(sa.func.min(column)).where(*which)).scalar()


def _oldest_job(connection: sa.Connection, _now: float) -> float | None:
    query = sa.select(job_table.c.updated_at).where(job_table.c.pruned_at.is_(None))
    query = query.where(job_table.c.state.in_(rows.OVER)).order_by(job_table.c.updated_at).limit(1)
    return connection.execute(query).scalar()


KINDS: tuple[Kind, ...] = (
    Kind(
        "events",
        "reports of agents whose jobs are over",
        lambda connection, moment, limit: rows.with_events(connection, moment.before, moment.now, limit),
        _remove_events,
        _first(events.c.received_at),
        at_once=1,
    ),
    Kind(
        "finished_jobs",
        "steps, progress and attempts of jobs that are over; their certificates and figures stay",
        lambda connection, moment, limit: rows.with_details(connection, moment.before, moment.now, limit),
        _remove_details,
        _oldest_job,
        at_once=JOBS,
    ),
    Kind(
        "personal_data",
        "names, addresses and domains of clients whose service has ended, or never began",
        lambda connection, moment, limit: rows.with_people(connection, moment.before, moment.now, limit),
        _remove_people,
        _first(job_table.c.ended_at, job_table.c.forgotten_at.is_(None)),
        at_once=1,
    ),
    Kind(
        "request_log",
        "answers to signed requests",
        _find_answers,
        _remove_answers,
        _first(answers.c.claimed_at),
    ),
    Kind("audit", "who did what", _find_audit, _remove_audit, _first(audit.c.at)),
    Kind(
        "spools",
        "refused orders that are settled, and files that were begun and never finished",
        _find_refused,
        _remove_refused,
        _first(refused_orders.c.settled_at, refused_orders.c.settled != ""),
    ),
)
