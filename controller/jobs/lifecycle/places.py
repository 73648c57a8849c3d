"""Looks up whose shop is where a job works, right before the job does something to it."""

from __future__ import annotations

import sqlalchemy as sa

from controller.db import claims, jobs
from controller.db.connection.engine import reading
from controller.db.jobs import Job
from controller.jobs.lifecycle import living, states
from shared.errors import ShoplaunchError
from shared.job import RESTORE


def require_living(shop_job: Job) -> None:
    """Raise ShoplaunchError `illegal_transition` unless the shop of `shop_job` lives, as far as its own row tells."""
    if shop_job.state != states.LIVE or shop_job.ended_at is not None:
        state = "ended" if shop_job.state == states.LIVE else shop_job.state
        raise ShoplaunchError("illegal_transition", f"the shop is {state}; follow-up jobs are for shops that live")


def require_own(connection: sa.Connection, shop_job: Job) -> None:
    """As `require_living`; also raise it when another shop came in its place."""
    require_living(shop_job)
    other = _successor(connection, shop_job)
    if other is not None:
        message = f"the shop was given up for that of job {other.job}; follow-up jobs are for shops that live"
        raise ShoplaunchError("illegal_transition", message)


def require_parents_own(engine: sa.Engine, job: Job) -> None:
    """As `require_own`, for the shop that the follow-up job works on; nothing for other jobs."""
    if job.kind != RESTORE and job.parent is not None:
        with reading(engine) as connection:
            require_own(connection, jobs.get(connection, job.parent))


def neighbour(connection: sa.Connection, job: Job) -> living.Shop | None:
    """Return another job's living shop where `job` works, None for none."""
    return living.neighbour(living.of(job), _others(connection, job))


def kept_for(engine: sa.Engine, job: Job) -> str:
    """Return why a cancelled job removes nothing: what is there is another job's by now, or its own again; else ""."""
    with reading(engine) as connection:
        if jobs.get(connection, job.id).state != states.CANCELLED:
            return f"job {job.id} is cancelled no more"
        other = neighbour(connection, job)
    return "" if other is None else f"the shop of job {other.job} lives in account {other.account}"


def is_anothers(engine: sa.Engine, job: Job) -> bool:
    """Return whether a shop came where the cancelled `job` works after that was ordered: its agent must not work there.

    A shop that was there before is put back by the agent. Of a follow-up job it is its shop's successor that counts.
    """
    with reading(engine) as connection:
        if job.kind != RESTORE:
            return job.parent is not None and _successor(connection, jobs.get(connection, job.parent)) is not None
        other = neighbour(connection, job)
    return other is not None and living.is_later(other, living.of(job))


def is_claimed(engine: sa.Engine, job: Job) -> bool:
    """Return whether another job claims the account by now: the agent there is that one's."""
    with reading(engine) as connection:
        return jobs.is_claimed(connection, claims.keys(job.server, job.domain, job.account)["account_key"], job.id)


def _successor(connection: sa.Connection, shop_job: Job) -> living.Shop | None:
    return living.successor(living.of(shop_job), _others(connection, shop_job))


def _others(connection: sa.Connection, job: Job) -> list[living.Shop]:
    return [living.of(one) for one in jobs.restores_at(connection, job) if one.id != job.id]
