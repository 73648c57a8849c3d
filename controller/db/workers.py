"""Queries on the workers' signs of life; their times are the database's own, so that no two clocks are compared."""

from __future__ import annotations

import sqlalchemy as sa

from controller.db.clock import database_now
from controller.db.tables import workers

#: What a worker left that has ended is forgotten after so long.
KEPT_SECONDS = 86_400.0
#: The database's clock is set back by no more without a sign of life counting as none.
AHEAD_SECONDS = 5.0
#: The name under which the sign of the worker stays that has ended last.
ENDED = "ended"


def beat(connection: sa.Connection, name: str) -> None:
    """Note that the worker's loop goes on now."""
    now = database_now(connection)
    if connection.execute(sa.update(workers).where(workers.c.name == name).values(beat_at=now)).rowcount == 0:
        connection.execute(sa.delete(workers).where(workers.c.beat_at < now - KEPT_SECONDS))
        connection.execute(sa.insert(workers).values(name=name, started_at=now, beat_at=now))


def end(connection: sa.Connection, name: str) -> None:
    """The worker has ended in order; its last sign of life counts on for one that is started again."""
    now = database_now(connection)
    connection.execute(sa.delete(workers).where(workers.c.name == name))
    same = sa.update(workers).where(workers.c.name == ENDED).values(started_at=now, beat_at=now)
    if connection.execute(same).rowcount == 0:
        connection.execute(sa.insert(workers).values(name=ENDED, started_at=now, beat_at=now))


def beats(connection: sa.Connection) -> frozenset[tuple[str, float]]:
    """Return (name, time of the last sign) of each worker, those that have ended lately among them."""
    rows = connection.execute(sa.select(workers.c.name, workers.c.beat_at))
    return frozenset((row.name, float(row.beat_at)) for row in rows)


def loop_age(connection: sa.Connection) -> float | None:
    """Return how many seconds ago the loop of a worker that has not ended showed that it goes on, None without any."""
    return age(connection, frozenset(one for one in beats(connection) if one[0] != ENDED))


def age(connection: sa.Connection, known: frozenset[tuple[str, float]]) -> float | None:
    """Return how many seconds ago the last of these `beats` came by the database's clock, None without any."""
    now = database_now(connection)
    # A restored backup may bring signs of another clock
    found = [beat_at for _name, beat_at in known if beat_at <= now + AHEAD_SECONDS]
    return max(0.0, now - max(found)) if found else None
