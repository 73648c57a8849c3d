"""The sweep: removes what is over, a little at a time beside the traffic, in one process of the installation at a time.

Every transaction holds the lease, removes at most some hundred rows and counts them: a process that is killed leaves
nothing half done, and one that stood still until another took its lease removes nothing more.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from controller.db.connection.clock import Clock, at
from controller.db.connection.engine import reading, transact
from controller.db.shapes import DamagedRow, tell
from controller.db.upkeep import retention as rows
from controller.jobs.engine.presence import is_gone, process_name
from controller.jobs.retention import spools
from controller.jobs.retention.registry import KINDS, Kind, Moment
from controller.keys import Keys
from controller.settings.sections import Config, RetentionConfig

LOG = logging.getLogger(__name__)
DAY_SECONDS = 86_400.0
#: Between two sweeps of an installation, and how long one round of a worker's chores sweeps.
PERIOD_SECONDS = 3600.0
ROUND_SECONDS = 5.0
#: Between two transactions: others write meanwhile.
PAUSE_SECONDS = 0.05
#: Keys that are looked up at once.
FOUND = 1000


@dataclass(frozen=True)
class SweepContext:
    """The installation whose rows a sweep removes: settings, database, keys, clock."""

    config: Config
    engine: sa.Engine
    keys: Keys
    clock: Clock


@dataclass
class Swept:
    """What a sweep has removed, rows by kind. It `has_begun` unless another process was at it; it `is_complete` when
    nothing is left."""

    removed: dict[str, int] = field(default_factory=dict)
    has_begun: bool = False
    is_complete: bool = False


class _LeaseLost(Exception):
    """Another process took the lease: this one stood still for too long."""


def days(config: RetentionConfig, kind: Kind) -> int:
    """Return the kind's period in days; 0: forever."""
    return int(getattr(config, kind.name))


def moment(config: RetentionConfig, kind: Kind, now: float) -> Moment | None:
    """Return the moment before which the kind's rows are over, None where they stay forever."""
    period = days(config, kind)
    return Moment(now, now - period * DAY_SECONDS) if period else None


def is_due(context: SweepContext) -> bool:
    """Return whether the last complete sweep was long ago."""
    with reading(context.engine) as connection:
        last = rows.swept_at(connection)
    now = context.clock()
    # A time in the future was written by a clock that was ahead
    return last is None or not now - PERIOD_SECONDS < last <= now


def run(context: SweepContext, seconds: float | None, move: Callable[[], None] = lambda: None) -> Swept:
    """Remove what is over, for at most so many `seconds`; None: until nothing is left. `move` is called at each
    progress. Raises database_busy."""
    swept, owner = Swept(), process_name()
    end = None if seconds is None else time.monotonic() + seconds
    if not transact(context.engine, lambda connection: _begun(connection, context, owner)):
        return swept
    swept.has_begun = True
    try:
        for one in KINDS:
            for number in _batches(context, one, owner):
                swept.removed[one.name] = swept.removed.get(one.name, 0) + number
                move()
                if end is not None and time.monotonic() >= end:
                    return swept
                time.sleep(PAUSE_SECONDS)
        swept.removed["spools"] = swept.removed.get("spools", 0) + _files(context, owner)
        swept.is_complete = True
    except _LeaseLost:
        LOG.warning("another process removes what is over")
    finally:
        done = context.clock() if swept.is_complete else None
        transact(context.engine, lambda connection: _end(connection, context, owner, done))
    return swept


def _begun(connection: sa.Connection, context: SweepContext, owner: str) -> bool:
    """Take the lease, also that of a process of this machine which was killed; return False when another has it."""
    holder = rows.holder(connection)
    if holder is not None and is_gone(holder):
        rows.release(connection, holder, None)
    return rows.take(connection, owner, at(context.clock, connection))


def _batches(context: SweepContext, kind: Kind, owner: str) -> Iterator[int]:
    """Remove the kind's rows that are over; yield after each transaction how many it removed."""
    tried: set[Any] = set()
    while True:
        found_at = moment(context.config.retention, kind, context.clock())
        if found_at is None:
            return
        with reading(context.engine) as connection:
            found = [one for one in kind.find(connection, found_at, FOUND) if one not in tried]
        if not found:
            return
        for first in range(0, len(found), kind.at_once):
            some = found[first : first + kind.at_once]
            try:
                yield _removed(context, kind, some, owner)
            except DamagedRow:
                # Nothing of `some` is removed yet: each by itself, without those that cannot be read
                yield sum(_removed_alone(context, kind, one, owner) for one in some)
        # A row that was found and not removed is still needed
        tried.update(found)


def _removed_alone(context: SweepContext, kind: Kind, one: object, owner: str) -> int:
    try:
        return _removed(context, kind, [one], owner)
    except DamagedRow as problem:
        tell(problem)
        return 0


def _removed(context: SweepContext, kind: Kind, some: Sequence[object], owner: str) -> int:
    def work(connection: sa.Connection) -> int:
        _require_lease(connection, context, owner)
        when = moment(context.config.retention, kind, context.clock())
        number = 0 if when is None else kind.remove(connection, context.keys, some, when)
        rows.count(connection, kind.name, number)
        return number

    return transact(context.engine, work)


def _require_lease(connection: sa.Connection, context: SweepContext, owner: str) -> None:
    if not rows.take(connection, owner, at(context.clock, connection)):
        raise _LeaseLost


def _files(context: SweepContext, owner: str) -> int:
    """Remove files that were never finished; return how many."""
    period = context.config.retention.spools
    if not period:
        return 0
    gone = spools.remove(spools.unfinished(context.config, context.clock() - period * DAY_SECONDS))

    def work(connection: sa.Connection) -> None:
        _require_lease(connection, context, owner)
        rows.count(connection, "spools", gone)

    transact(context.engine, work)
    return gone


def _end(connection: sa.Connection, context: SweepContext, owner: str, swept_at: float | None) -> None:
    if swept_at is not None:
        for one in KINDS:
            rows.note_oldest(connection, one.name, one.oldest(connection, swept_at))
    rows.release(connection, owner, swept_at)


@dataclass(frozen=True)
class Due:
    """What is known of a kind: its period, what is over now (`jobs` or rows, `over`), what was removed so far, and the
    time of the oldest row that is left."""

    kind: Kind
    days: int
    over: int
    removed: int
    oldest_at: float | None
    #: When the oldest row that is left goes.
    next_at: float | None


def outlook(context: SweepContext) -> list[Due]:
    """Return what would go now, of each kind, and when the next goes; nothing is changed. Raises database_busy."""
    found = []
    with reading(context.engine) as connection:
        known = {one.kind: one for one in rows.listed(connection)}
        now = context.clock()
        for kind in KINDS:
            period, when = days(context.config.retention, kind), moment(context.config.retention, kind, now)
            over = 0 if when is None else len(kind.find(connection, when, FOUND))
            oldest = kind.oldest(connection, now)
            goes_at = None if when is None or oldest is None else oldest + period * DAY_SECONDS
            removed = known[kind.name].removed if kind.name in known else 0
            found.append(Due(kind, period, over, removed, oldest, goes_at))
    return found
