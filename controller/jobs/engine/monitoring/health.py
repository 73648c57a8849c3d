"""Health of the installation for monitoring: read-only, and checked no more often than it changes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from controller.db import jobs, migrate
from controller.db.connection import refusals
from controller.db.connection.clock import Moment, database_now
from controller.db.connection.engine import reading
from controller.db.identities import access
from controller.db.machines import breakers, duties, servers, slots, starts, workers
from controller.db.machines.starts import Counted
from controller.db.orders.services import BilledService
from controller.db.upkeep import health, retention
from controller.db.upkeep.health import Undelivered
from controller.db.upkeep.retention import Kept
from shared.errors import ShoplaunchError

#: An answer is shared by all requests for this long.
CACHE_SECONDS = 5.0
#: While a check is under way the previous answer is returned, but none older than this.
STALE_SECONDS = 60.0
#: A loop without a sign of life for this long moves no job.
MAX_LOOP_SECONDS = 60.0
#: A worker that has not heard itself over the broker for so long is deaf: a broker that is restarted takes less.
MAX_DEAF_SECONDS = 120.0
#: Chores (work that belongs to no job) without a sign of life for this long hang: longer than any mail takes.
MAX_CHORES_SECONDS = 600.0
#: How long the time of the last backup is believed.
BACKUP_LOOK_SECONDS = 60.0
#: A service without a job for this long is forgotten: its order was accepted, and the process was killed then.
FORGOTTEN_SECONDS = 60.0


@dataclass(frozen=True)
class Health:
    """Health of the installation: without a worker `loop_age` is None; `error` says why it is not ready."""

    loop_age: float | None = None
    #: Since when the chores have made no progress; None where no worker reports it.
    chores_age: float | None = None
    oldest_overdue: float = 0.0
    #: How many workers have given a sign of life lately.
    working: int = 0
    #: How many workers hear nothing of their broker.
    deaf: int = 0
    #: Orders without a job: refused ones, services that wait for an event, and forgotten ones.
    refused: int = 0
    waiting: int = 0
    forgotten: int = 0
    #: Alarms that were not delivered, by what they are about.
    undelivered: Undelivered = field(default_factory=Undelivered)
    #: State -> number of jobs; None where the database did not answer.
    jobs: Mapping[str, int] | None = None
    #: How agents were started.
    starts: Sequence[Counted] = ()
    #: Server -> how many of its jobs are moved now.
    slots: Mapping[str, int] = field(default_factory=dict)
    #: What retention has removed, of each kind.
    kept: Sequence[Kept] = ()
    #: Server -> whether its breaker is open.
    breakers: Mapping[str, bool] = field(default_factory=dict)
    #: Duty -> when it was last done; and which were not done when they were due, or are late.
    done_at: Mapping[str, float] = field(default_factory=dict)
    failing: Sequence[str] = ()
    error: ShoplaunchError | None = None

    @property
    def needing(self) -> int:
        """How many things need an operator; a refused order counts once, its alarm included."""
        return self.refused + self.alarms - self.undelivered.orders + (self.error is not None)

    @property
    def alarms(self) -> int:
        """How many alarms were not delivered."""
        return self.undelivered.total


class Signs:
    """Signs of life of the workers, as a process that checks repeatedly sees them arrive."""

    def __init__(self, counted: Callable[[], float]) -> None:
        self._counted = counted
        self._seen: frozenset[workers.Beat] | None = None
        self._looked_at = 0.0
        self._moved_at: float | None = None

    def age(self, connection: sa.Connection, seen: frozenset[workers.Beat]) -> float | None:
        """Return how many seconds ago the last sign came at most, None when there is none to judge by.

        A sign that came since the previous check is at most as old as that check, even if the database's clock was set.
        """
        counted = self._counted()
        if self._seen is not None and seen - self._seen:
            self._moved_at = self._looked_at
        self._seen, self._looked_at = seen, counted
        ages = [workers.age(connection, seen), None if self._moved_at is None else counted - self._moved_at]
        return min((one for one in ages if one is not None), default=None)


class Loops:
    """The signs of life of the workers' loops and of their chores."""

    def __init__(self, counted: Callable[[], float] = time.monotonic) -> None:
        self._loops, self._chores = Signs(counted), Signs(counted)

    def ages(self, connection: sa.Connection, signs: workers.Signs) -> tuple[float | None, float | None]:
        """Return how many seconds ago the last sign of (the loops, the chores) came at most."""
        return self._loops.age(connection, signs.loops), self._chores.age(connection, signs.chores)


class LastBackup:
    """When the last backup was made; the audit log has no index for that, so that it is not asked at each check."""

    def __init__(self) -> None:
        self._at: float | None = None
        self._look_at = float("-inf")

    def at(self, connection: sa.Connection) -> float | None:
        """Return the time in unix seconds, None before the first."""
        if time.monotonic() >= self._look_at:
            self._at = access.last_time(connection, retention.BACKED_UP)
            self._look_at = time.monotonic() + BACKUP_LOOK_SECONDS
        return self._at


def examine(engine: sa.Engine, now: float, loops: Loops, backup: LastBackup | None = None) -> Health:
    """Return the installation's health; nothing is written, no other process has to wait."""
    try:
        with reading(engine) as connection:
            migrate.require_revision(migrate.revision(connection))
            signs = workers.signs(connection)
            age, chores_age = loops.ages(connection, signs)
            due = health.oldest_due(connection, now)
            since = database_now(connection) - MAX_LOOP_SECONDS
            return Health(
                loop_age=age,
                chores_age=chores_age,
                oldest_overdue=0.0 if due is None else max(0.0, now - due.since),
                working=_working(signs, since),
                deaf=_deaf(signs, since),
                refused=health.open_refused(connection),
                waiting=health.waiting(connection),
                forgotten=health.count_forgotten(connection, now - FORGOTTEN_SECONDS),
                undelivered=health.alarms_wanted(connection, now),
                jobs=jobs.counts(connection),
                kept=retention.listed(connection),
                starts=starts.counted(connection),
                slots=slots.taken(connection, Moment(now, now)),
                breakers=_breakers(connection),
                done_at=_done_at(connection, backup or LastBackup()),
                failing=[one.name for one in duties.listed(connection) if one.well_at is None],
                error=refusals.last(engine) or _silent(age) or _hanging(chores_age),
            )
    except ShoplaunchError as error:
        return Health(error=error)


def _done_at(connection: sa.Connection, backup: LastBackup) -> dict[str, float]:
    """Return when each duty was last done, of those that were."""
    found = {duties.BACKUP: backup.at(connection), duties.RETENTION: retention.swept_at(connection)}
    return {name: at for name, at in found.items() if at is not None}


def _working(signs: workers.Signs, since: float) -> int:
    """Return how many workers go on: they gave a sign of life `since`."""
    return sum(name != workers.ENDED and beat_at >= since for name, beat_at in signs.loops)


def _deaf(signs: workers.Signs, since: float) -> int:
    """Return how many workers go on and are deaf."""
    return sum(ago > MAX_DEAF_SECONDS and beat_at >= since for (_name, beat_at), ago in signs.heard.items())


def _breakers(connection: sa.Connection) -> dict[str, bool]:
    opened = breakers.opened(connection)
    return {server.name: server.name in opened for server in servers.listed(connection)}


def forgotten(engine: sa.Engine, now: float) -> list[BilledService]:
    """Return services that lack a job although they wait for nothing; only some of them where there are very many."""
    with reading(engine) as connection:
        return health.forgotten(connection, now - FORGOTTEN_SECONDS)


def _silent(age: float | None) -> ShoplaunchError | None:
    if age is None:
        return ShoplaunchError("worker_silent", "no worker runs")
    if age > MAX_LOOP_SECONDS:
        return ShoplaunchError("worker_silent", f"no worker's loop has moved for {round(age)} seconds")
    return None


def _hanging(age: float | None) -> ShoplaunchError | None:
    """Return an error when the chores hang; workers of an earlier version report no age."""
    if age is None or age <= MAX_CHORES_SECONDS:
        return None
    return ShoplaunchError("chores_hang", f"what belongs to no job has not moved for {round(age)} seconds")


class Readiness:
    """Caches the last check: requests within that time cause no query."""

    def __init__(self, engine: sa.Engine, clock: Callable[[], float]) -> None:
        self._engine = engine
        self._clock = clock
        self._checking = threading.Lock()
        self._loops, self._backup = Loops(), LastBackup()
        self._last: Health | None = None
        self._at = 0.0

    def current(self) -> Health:
        """Return the installation's health now, or at most CACHE_SECONDS ago."""
        if self._age() <= CACHE_SECONDS and self._last is not None:
            return self._last
        # The first request runs the check; later ones wait only while there is no answer yet
        if self._checking.acquire(timeout=STALE_SECONDS if self._last is None else 0):
            return self._renewed()
        if self._last is not None and self._age() <= STALE_SECONDS:
            return self._last
        return Health(error=ShoplaunchError("database_busy", "the controller's database: no answer for long"))

    def known(self) -> Health | None:
        """Return the last answer, None where it is too old."""
        return self._last if self._age() <= STALE_SECONDS else None

    def _renewed(self) -> Health:
        try:
            if self._last is None or self._age() > CACHE_SECONDS:
                self._last = examine(self._engine, self._clock(), self._loops, self._backup)
                self._at = time.monotonic()
            return self._last
        finally:
            self._checking.release()

    def _age(self) -> float:
        return time.monotonic() - self._at
