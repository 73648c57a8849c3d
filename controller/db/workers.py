"""Queries on the workers' signs of life; their times are the database's own, so that no two clocks are compared."""

from __future__ import annotations

import sqlalchemy as sa

from controller.db.tables import workers

#: What a worker left that was killed is forgotten after so long.
KEPT_SECONDS = 86_400.0
#: The database's clock is set back by no more without a sign of life counting as none.
AHEAD_SECONDS = 5.0
_NOW = {"sqlite": "(julianday('now') - 2440587.5) * 86400.0"}
#: Never by way of local time: at the end of summer time an hour of it comes twice.
_NOW_ELSEWHERE = "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) / 1e6"


def _now(connection: sa.Connection) -> float:
    expression = _NOW.get(connection.dialect.name, _NOW_ELSEWHERE)
    return float(connection.execute(sa.text(f"SELECT {expression}")).scalar_one())


def beat(connection: sa.Connection, name: str) -> None:
    """Note that the worker's loop goes on now."""
    now = _now(connection)
    if connection.execute(sa.update(workers).where(workers.c.name == name).values(beat_at=now)).rowcount == 0:
        connection.execute(sa.delete(workers).where(workers.c.beat_at < now - KEPT_SECONDS))
        connection.execute(sa.insert(workers).values(name=name, started_at=now, beat_at=now))


def forget(connection: sa.Connection, name: str) -> None:
    """The worker has ended in order."""
    connection.execute(sa.delete(workers).where(workers.c.name == name))


def loop_age(connection: sa.Connection) -> float | None:
    """Return how many seconds ago the last loop showed that it goes on, None when no worker runs."""
    now = _now(connection)
    # A restored backup may bring signs of another clock
    query = sa.select(sa.func.max(workers.c.beat_at)).where(workers.c.beat_at <= now + AHEAD_SECONDS)
    last = connection.execute(query).scalar()
    return None if last is None else max(0.0, now - float(last))
