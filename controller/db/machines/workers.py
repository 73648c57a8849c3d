"""Queries on the signs of life of workers, and of web servers without one; all times are the database's, so that one
clock is used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import sqlalchemy as sa

from controller.db.connection.clock import database_now
from controller.db.tables import workers

#: The last sign of a worker that has ended is removed after this time.
KEPT_SECONDS = 86_400.0
#: A process without a sign for this long is gone: what hangs is ended sooner (engine/monitoring/watchdog.py).
GONE_SECONDS = 1200.0
#: Signs further in the future than this are ignored; smaller steps of the database's clock are tolerated.
AHEAD_SECONDS = 5.0
#: Suffix of a worker's name: the sign that its chores go on.
CHORES = "/chores"
#: Suffix of a worker's name: what it hears of the broker. Its start is when the worker last heard itself.
BROKER = "/broker"
#: Suffix of a process's name: the sign of a web server without a worker. It moves no job.
WEB = "/web"
#: Name under which the last sign of the worker that ended last stays.
ENDED = "ended"

#: (name of a worker, time of its sign).
Beat = tuple[str, float]
#: What writes or takes back the sign of a process by its name.
Sign = Callable[[sa.Connection, str], None]


class Counted(NamedTuple):
    """What a worker has counted since it started: claims of jobs, those that missed, hints; patterns of its servers."""

    claims: int = 0
    missed: int = 0
    hints: int = 0
    serves: str = ""


class Heard(NamedTuple):
    """What a worker hears of the broker: how many seconds before its sign of life it last heard itself, or began to
    listen; since it started, hints that it took and messages that it ignored."""

    ago: float
    hints: int = 0
    ignored: int = 0


class WorkerRow(NamedTuple):
    """A worker, and its last sign of life; `heard` is None without a broker."""

    name: str
    started_at: float
    beat_at: float
    counted: Counted
    heard: Heard | None = None


class Signs(NamedTuple):
    """The last signs of the workers' loops and of their chores; sign of a worker with a broker -> `Heard.ago`."""

    loops: frozenset[Beat]
    chores: frozenset[Beat]
    heard: Mapping[Beat, float]


class Process(NamedTuple):
    """A worker, or a web server without one."""

    name: str
    started_at: float
    #: Whether it has given a sign lately: one that was killed leaves its last.
    is_alive: bool
    moves_jobs: bool


def beat(
    connection: sa.Connection,
    name: str,
    *,
    chores: bool = False,
    counted: Counted | None = None,
    heard: Heard | None = None,
) -> None:
    """Note that the worker's loop goes on now, with `chores` its chores as well, and what it has heard of a broker."""
    _beat(connection, name, counted or Counted())
    if chores:
        _beat(connection, name + CHORES, Counted())
    if heard is not None:
        _beat(connection, name + BROKER, Counted(missed=heard.ignored, hints=heard.hints), heard.ago)


def _beat(connection: sa.Connection, name: str, counted: Counted, ago: float | None = None) -> None:
    """Write the sign; its start is so many seconds ago, without `ago` when the first one came."""
    now, values = database_now(connection), counted._asdict()
    start = {} if ago is None else {"started_at": now - ago}
    same = sa.update(workers).where(workers.c.name == name)
    if connection.execute(same.values(beat_at=now, **values, **start)).rowcount == 0:
        connection.execute(sa.delete(workers).where(workers.c.beat_at < now - KEPT_SECONDS))
        first = {"name": name, "started_at": now, "beat_at": now, **values, **start}
        connection.execute(sa.insert(workers).values(first))


def listed(connection: sa.Connection) -> list[WorkerRow]:
    """Return the workers that have not ended, the first started first."""
    counted = [workers.c[name] for name in Counted._fields]
    query = sa.select(workers.c.name, workers.c.started_at, workers.c.beat_at, *counted)
    query = query.where(workers.c.name != ENDED, ~workers.c.name.endswith(CHORES), ~workers.c.name.endswith(WEB))
    rows = list(connection.execute(query.order_by(workers.c.started_at, workers.c.name)))
    found = {name: WorkerRow(name, started, beat_at, Counted(*more)) for name, started, beat_at, *more in rows}
    return [row._replace(heard=_heard(found.get(name + BROKER))) for name, row in found.items() if not _of_broker(name)]


def _heard(row: WorkerRow | None) -> Heard | None:
    return None if row is None else Heard(row.beat_at - row.started_at, row.counted.hints, row.counted.missed)


def _of_broker(name: str) -> bool:
    return name.endswith(BROKER)


def end(connection: sa.Connection, name: str) -> None:
    """Note that the worker has ended normally; its last sign of life counts on for one that is restarted."""
    now = database_now(connection)
    connection.execute(sa.delete(workers).where(workers.c.name.in_((name, name + CHORES, name + BROKER))))
    same = sa.update(workers).where(workers.c.name == ENDED).values(started_at=now, beat_at=now)
    if connection.execute(same).rowcount == 0:
        connection.execute(sa.insert(workers).values(name=ENDED, started_at=now, beat_at=now))


def leave(connection: sa.Connection, name: str) -> None:
    """Take back the sign of a process that has ended and moved no job."""
    connection.execute(sa.delete(workers).where(workers.c.name == name))


def beats(connection: sa.Connection) -> frozenset[Beat]:
    """Return the last sign of each worker's loop, including workers that ended recently."""
    return signs(connection).loops


def signs(connection: sa.Connection) -> Signs:
    """Return the last signs of the workers, including those that ended recently."""
    rows = list(connection.execute(sa.select(workers.c.name, workers.c.started_at, workers.c.beat_at)))
    found = [(row.name, float(row.beat_at)) for row in rows if not row.name.endswith((WEB, BROKER))]
    chores = frozenset(one for one in found if one[0].endswith(CHORES))
    heard = {
        (row.name.removesuffix(BROKER), float(row.beat_at)): float(row.beat_at - row.started_at)
        for row in rows
        if _of_broker(row.name)
    }
    return Signs(frozenset(found) - chores, chores, heard)


def processes(connection: sa.Connection) -> list[Process]:
    """Return the processes that have not ended by themselves."""
    now = database_now(connection)
    query = sa.select(workers.c.name, workers.c.started_at, workers.c.beat_at).where(workers.c.name != ENDED)
    rows = connection.execute(query.where(~workers.c.name.endswith(CHORES), ~workers.c.name.endswith(BROKER)))
    return [
        Process(name, started_at, beat_at >= now - GONE_SECONDS, not name.endswith(WEB))
        for name, started_at, beat_at in rows
    ]


def process_age(connection: sa.Connection) -> float | None:
    """Return how many seconds ago a process that goes on, a worker or a web server, last gave a sign; None without
    any."""
    rows = connection.execute(sa.select(workers.c.name, workers.c.beat_at).where(workers.c.name != ENDED))
    return age(connection, frozenset((row.name, float(row.beat_at)) for row in rows))


def age(connection: sa.Connection, known: frozenset[Beat]) -> float | None:
    """Return how many seconds ago the last of these `beats` came, by the database's clock, None without any."""
    now = database_now(connection)
    # A restored backup may contain signs by another clock
    found = [beat_at for _name, beat_at in known if beat_at <= now + AHEAD_SECONDS]
    return max(0.0, now - max(found)) if found else None
