"""The installation's one clock, its database's: independent of the machine a process runs on and that one's time."""

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
#: A reading of the database's clock is reused this long; time passing meanwhile is counted locally. Leases are judged
#: by a reading of their own transaction.
FRESH_SECONDS = 2.0
#: Pause after a database that could not be queried.
AGAIN_SECONDS = 5.0
#: A larger difference means that the clock was set, not merely that it runs a little faster.
STEP_SECONDS = 5.0
#: After the clock was set forward, leases are judged this long by the time before: holders renew theirs meanwhile.
SETTLING_SECONDS = 30.0
#: A database that was not read for longer may have been away for everybody: leases are judged without that time, for as
#: long. A worker that judges leases reads it more often.
AWAY_SECONDS = 10.0
#: Times further in the future were written by a clock that was ahead, and are ignored.
AHEAD_SECONDS = 600.0
#: Never through local time: at the end of summer time an hour of it comes twice.
_NOW = sa.text("SELECT TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) / 1e6")
#: PostgreSQL's; its other functions of time stand still within a transaction.
_NOW_OF_POSTGRESQL = sa.text("SELECT extract(epoch FROM clock_timestamp())")


class Moment(NamedTuple):
    """The time now, in unix seconds, and the time for judging other holders' leases, which is never later."""

    now: float
    leases: float


def database_now(connection: sa.Connection) -> float:
    """Return the database's time in unix seconds; SQLite uses this machine's clock."""
    if connection.dialect.name == "sqlite":
        return time.time()
    query = _NOW_OF_POSTGRESQL if connection.dialect.name == "postgresql" else _NOW
    return float(connection.execute(query).scalar_one())


def at(clock: Clock, connection: sa.Connection) -> Moment:
    """Return the time within the connection's transaction, read from the database when `clock` is a DatabaseClock."""
    if isinstance(clock, DatabaseClock):
        return clock.at(connection)
    now = clock()
    return Moment(now, now)


def about(clock: Clock, connection: sa.Connection) -> Moment:
    """As `at`, for a look that decides nothing: a DatabaseClock's last reading serves as long as it is fresh."""
    return clock.about(connection) if isinstance(clock, DatabaseClock) else at(clock, connection)


def _counted() -> float:
    """Return seconds of a steady counter that includes time in which the machine was suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class DatabaseClock:
    """Call it for the database's time in unix seconds, from any number of threads.

    The database is read at intervals and counted on in between, also while the database is away. Raises ShoplaunchError
    `database_busy` before the first successful reading. One that `is_read_seldom` takes no silence for a database that
    was away.
    """

    def __init__(
        self, engine: sa.Engine, counted: Callable[[], float] = _counted, *, is_read_seldom: bool = False
    ) -> None:
        self._engine = engine
        self._counted = counted
        self._is_read_seldom = is_read_seldom
        self._guard = threading.Lock()
        self._asking = threading.Lock()
        self._ask_at = float("-inf")
        #: The counter at the last reading.
        self._read_at: float | None = None
        #: The database's time when the counter was zero.
        self._zero: float | None = None
        #: The same before the clock was set forward or the database was away, and until when, by the counter, leases
        #: are judged by that.
        self._before: tuple[float, float] | None = None

    def __call__(self) -> float:
        if self._zero is None or self._counted() >= self._ask_at:
            self._ask()
        with self._guard:
            # Without a reading, `_ask` has raised
            return self._counted() + (self._zero or 0.0)

    def about(self, connection: sa.Connection) -> Moment:
        """As `at`, but the last reading serves as long as it is fresh."""
        with self._guard:
            counted = self._counted()
            if self._zero is not None and counted < self._ask_at:
                now = counted + self._zero
                return Moment(now, now if self._before is None else min(now, counted + self._before[0]))
        return self.at(connection)

    def at(self, connection: sa.Connection) -> Moment:
        """Return the database's time within this transaction. Raises database_busy."""
        before = self._counted()
        now = database_now(connection)
        after = self._counted()
        with self._guard:
            self._learn(now - after, now - before, after)
            if self._before is None:
                return Moment(now, now)
            return Moment(now, min(now, after + self._before[0]))

    def _learn(self, least: float, most: float, counted: float) -> None:
        """Learn that the zero lies between `least` and `most`; a known value in that range stays."""
        known, self._ask_at = self._zero, counted + FRESH_SECONDS
        unread, self._read_at = 0.0 if self._read_at is None else counted - self._read_at, counted
        if self._before is not None and counted >= self._before[1]:
            self._before = None
        if known is not None and unread > AWAY_SECONDS and not self._is_read_seldom:
            earliest = known - unread if self._before is None else min(known - unread, self._before[0])
            self._before = earliest, counted + SETTLING_SECONDS
        if known is not None and least <= known <= most:
            return
        if known is not None and least - known > STEP_SECONDS:
            earliest = known if self._before is None else min(known, self._before[0])
            self._before = earliest, counted + SETTLING_SECONDS
        if known is not None and (least - known > STEP_SECONDS or known - most > STEP_SECONDS):
            LOG.warning("the database's clock was set by %.1f seconds", (least + most) / 2 - known)
        self._zero = (least + most) / 2

    def _ask(self) -> None:
        """Read the clock; other threads meanwhile count on from the last reading, if there is one."""
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
