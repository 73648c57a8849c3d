"""The one clock of an installation: its database's, whichever machine a process runs on and whatever time that has."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

import sqlalchemy as sa

from controller.db.connection.engine import reading
from shared.errors import ShoplaunchError

LOG = logging.getLogger(__name__)
Clock = Callable[[], float]
#: So long a reading of the database's clock serves; what passes meanwhile is counted here.
FRESH_SECONDS = 1.0
#: A database that could not be asked is asked again after so long.
AGAIN_SECONDS = 5.0
#: The clock was set, and did not merely go a little faster.
STEP_SECONDS = 5.0
#: So long after the clock was set forward leases are judged by the time before: each holder renews its own meanwhile.
SETTLING_SECONDS = 30.0
#: What happened cannot be later than that: it was noted by a clock that was ahead, and counts for nothing.
AHEAD_SECONDS = 600.0
#: Never by way of local time: at the end of summer time an hour of it comes twice.
_NOW = sa.text("SELECT TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) / 1e6")


class Moment(NamedTuple):
    """The time now, in unix seconds, and the time by which other holders' leases are judged: never a later one."""

    now: float
    leases: float


def database_now(connection: sa.Connection) -> float:
    """Return the database's time in unix seconds; that of SQLite is this machine's."""
    if connection.dialect.name == "sqlite":
        return time.time()
    return float(connection.execute(_NOW).scalar_one())


def at(clock: Clock, connection: sa.Connection) -> Moment:
    """Return the time within the connection's transaction, read there when `clock` is the database's."""
    if isinstance(clock, DatabaseClock):
        return clock.at(connection)
    now = clock()
    return Moment(now, now)


def _counted() -> float:
    """Return seconds that go on evenly, while the machine is suspended too."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class DatabaseClock:
    """Call it for the database's time in unix seconds. Any number of threads may.

    It is read once in a while and counted on from there, also while the database is away. Raises ShoplaunchError
    `database_busy` when it has never been read.
    """

    def __init__(self, engine: sa.Engine, counted: Callable[[], float] = _counted) -> None:
        self._engine = engine
        self._counted = counted
        self._guard = threading.Lock()
        self._asking = threading.Lock()
        self._ask_at = float("-inf")
        #: The database's time when the count was zero.
        self._zero: float | None = None
        #: The same before the clock was set forward, and until when that counts.
        self._before: tuple[float, float] | None = None

    def __call__(self) -> float:
        if self._zero is None or self._counted() >= self._ask_at:
            self._ask()
        with self._guard:
            # Asking has raised where there is none
            return self._counted() + (self._zero or 0.0)

    def at(self, connection: sa.Connection) -> Moment:
        """Return the time as the database says within this transaction. Raises database_busy."""
        before = self._counted()
        now = database_now(connection)
        after = self._counted()
        with self._guard:
            self._learn(now - after, now - before, after)
            if self._before is None:
                return Moment(now, now)
            return Moment(now, min(now, after + self._before[0]))

    def _learn(self, least: float, most: float, counted: float) -> None:
        """The zero lies between `least` and `most`; what is known of it stays while it does, too."""
        known, self._ask_at = self._zero, counted + FRESH_SECONDS
        if self._before is not None and counted >= self._before[1]:
            self._before = None
        if known is not None and least <= known <= most:
            return
        if known is not None and least - known > STEP_SECONDS:
            earliest = known if self._before is None else min(known, self._before[0])
            self._before = earliest, counted + SETTLING_SECONDS
        if known is not None and (least - known > STEP_SECONDS or known - most > STEP_SECONDS):
            LOG.warning("the database's clock was set by %.1f seconds", (least + most) / 2 - known)
        self._zero = (least + most) / 2

    def _ask(self) -> None:
        """Read the clock; whoever comes meanwhile counts on from the last reading, where there is one."""
        if not self._asking.acquire(blocking=self._zero is None):
            return
        try:
            if self._zero is None or self._counted() >= self._ask_at:
                with reading(self._engine) as connection:
                    self.at(connection)
        except ShoplaunchError as error:
            if self._zero is None:
                raise
            LOG.warning("the database's clock cannot be read, and is counted on: %s", error.message)
            with self._guard:
                self._ask_at = self._counted() + AGAIN_SECONDS
        finally:
            self._asking.release()
