"""The engine as operators see it: its workers, the slots and breakers of servers, what is due. Read-only."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from controller.db import due
from controller.db.connection.clock import Clock, at
from controller.db.connection.engine import reading
from controller.db.machines import breakers, servers, slots, workers
from controller.db.machines.breakers import Breaker
from controller.db.machines.workers import WorkerRow
from controller.db.upkeep import health
from controller.db.upkeep.health import DueJob
from controller.jobs.engine.capacity.thread_shares import PER_SERVER
from controller.jobs.engine.monitoring.health import MAX_DEAF_SECONDS, MAX_LOOP_SECONDS

#: States of a worker: one that is deaf works, but finds jobs by its own looks alone.
OK, SILENT, DEAF = "ok", "silent", "deaf"


@dataclass(frozen=True)
class ServerStatus:
    """A server on which something goes on: its slots that are held, its due jobs, its breaker unless it is closed; the
    name of the machine whose workers alone move its jobs, "" where those of all do."""

    name: str
    held: int
    due: int
    breaker: Breaker | None
    slots: int = PER_SERVER
    machine: str = ""


@dataclass(frozen=True)
class EngineStatus:
    """The engine at `now`; `oldest_due` is the job that has been due for longest, None without any."""

    kind: str
    now: float
    workers: list[WorkerRow]
    servers: list[ServerStatus]
    oldest_due: DueJob | None

    @property
    def due(self) -> int:
        """How many jobs are due that nobody holds."""
        return sum(one.due for one in self.servers)


def state_of(worker: WorkerRow, now: float) -> str:
    """Return the worker's state at `now`: SILENT without a sign of its loop, DEAF while it hears no broker."""
    if now - worker.beat_at > MAX_LOOP_SECONDS:
        return SILENT
    return DEAF if worker.heard is not None and worker.heard.ago > MAX_DEAF_SECONDS else OK


def examine(engine: sa.Engine, clock: Clock, kind: str) -> EngineStatus:
    """Return the state of the engine, which is of `kind`. Raises database_busy."""
    with reading(engine) as connection:
        moment = at(clock, connection)
        counts = {one.server: one.jobs for one in due.servers(connection, moment)[0]}
        opened = {one.server: one for one in breakers.listed(connection)}
        held: dict[str, int] = {}
        for slot in slots.held(connection):
            held[slot.server] = held.get(slot.server, 0) + (not slot.is_free(moment))
        names = sorted({*counts, *opened, *held})
        bound = {row.name: row.machine.host for row in servers.listed(connection) if row.machine is not None}
        found = [
            ServerStatus(name, held.get(name, 0), counts.get(name, 0), opened.get(name), machine=bound.get(name, ""))
            for name in names
        ]
        oldest = health.oldest_due(connection, moment.now)
        return EngineStatus(kind, moment.now, workers.listed(connection), found, oldest)
