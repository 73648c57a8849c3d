"""Queries on how the agents of finished jobs were started, and how long that took."""

from __future__ import annotations

from typing import NamedTuple

import sqlalchemy as sa

from controller.db.tables import agent_starts

# Built once: used for every agent that was started
_SAME = sa.select(agent_starts.c.job).where(
    agent_starts.c.job == sa.bindparam("job"), agent_starts.c.attempt == sa.bindparam("attempt")
)
_NEW = sa.insert(agent_starts)


class Counted(NamedTuple):
    """How many agents were started by `way` for `reason`; `waited` is the sum of their seconds until the start."""

    way: str
    reason: str
    number: int
    waited: float


class Took(NamedTuple):
    """How long a job took: `waited` seconds until its agent started, and `worked` seconds besides."""

    worked: float
    waited: float


def note(connection: sa.Connection, values: dict[str, object]) -> None:
    """Store how an attempt's agent was started; the caller holds the job's row. A stored entry stays."""
    same = {name: values[name] for name in ("job", "attempt")}
    if connection.execute(_SAME, same).first() is None:
        connection.execute(_NEW, values)


def counted(connection: sa.Connection) -> list[Counted]:
    """Return the starts by way and reason."""
    ways = (agent_starts.c.way, agent_starts.c.reason)
    waited = sa.func.coalesce(sa.func.sum(agent_starts.c.waited), 0.0)
    query = sa.select(*ways, sa.func.count(), waited).group_by(*ways).order_by(*ways)
    return [Counted(way, reason, number, float(seconds)) for way, reason, number, seconds in connection.execute(query)]


def last_took(connection: sa.Connection, server: str, bundle: str) -> Took | None:
    """Return how long the last shop took that was made of `bundle` on `server` in one attempt, None without any."""
    query = sa.select(agent_starts.c.worked, agent_starts.c.waited)
    query = query.where(agent_starts.c.server == server, agent_starts.c.bundle == bundle)
    query = query.where(agent_starts.c.worked.is_not(None)).order_by(agent_starts.c.at.desc()).limit(1)
    row = connection.execute(query).first()
    return None if row is None else Took(float(row.worked), float(row.waited or 0.0))
