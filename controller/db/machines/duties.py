"""Duties, what an installation does again and again without being asked: those that fail, until they are done again.

A duty without a row is done as it should be. Times are unix seconds of the database's clock.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import sqlalchemy as sa

from controller.db.connection.clock import AHEAD_SECONDS
from controller.db.tables import failing_duties

BACKUP, RETENTION = "backup", "retention"
DAY_SECONDS = 86_400.0
#: Chores are done twice a minute: one that fails for a moment is no failing duty.
CHORE_SECONDS = 900.0
#: Names of chores end so, with the machine they fail on.
ON = " on "
#: A process that claimed a notification so long ago is gone.
CLAIM_SECONDS = 900.0
_MESSAGE_CHARS = 500


@dataclass(frozen=True)
class FailingDuty:
    """A duty that failed last, or that is done again and whose operator was alarmed: then `well_at` says since when."""

    name: str
    #: When the first of the failures in a row came, and the last one.
    since: float
    failed_at: float
    code: str
    message: str
    #: When the operator was notified last, and since when a process is about to.
    alarmed_at: float | None = None
    claimed_at: float | None = None
    well_at: float | None = None

    def wants_alarm(self, now: float) -> bool:
        """Return whether the operator is to be notified now: no other process is about to do that."""
        if self.claimed_at is not None and -AHEAD_SECONDS <= now - self.claimed_at < CLAIM_SECONDS:
            return False
        return self.lacks_alarm(now)

    def lacks_alarm(self, now: float) -> bool:
        """Return whether a notification is due and not delivered: of a duty that fails, a chore for a while, after a
        day again, then after pauses that double; and once it is done again. Times far ahead are of a clock that was."""
        if self.well_at is not None:
            return True
        if self.alarmed_at is None:
            patience = CHORE_SECONDS if ON in self.name else 0.0
            return now - self.since >= patience or self.since > now
        pause = max(DAY_SECONDS, self.alarmed_at - self.since)
        return now - self.alarmed_at >= pause or self.alarmed_at > now + AHEAD_SECONDS


_COLUMNS = [failing_duties.c[one.name] for one in fields(FailingDuty)]


def listed(connection: sa.Connection) -> list[FailingDuty]:
    """Return the duties that fail, and those whose operator is still to be notified that they are done again."""
    rows = connection.execute(sa.select(*_COLUMNS).order_by(failing_duties.c.name))
    return [FailingDuty(**row._mapping) for row in rows]


def note_failure(connection: sa.Connection, name: str, code: str, message: str, now: float) -> None:
    """Note that the duty was not done."""
    same, message = failing_duties.c.name == name, message[:_MESSAGE_CHARS]
    known = connection.execute(sa.select(*_COLUMNS).where(same).with_for_update()).first()
    if known is None:
        row = FailingDuty(name, now, now, code, message)
        connection.execute(sa.insert(failing_duties).values(**vars(row)))
        return
    # It failed again before the notification of its success was sent
    values = {"failed_at": now, "well_at": None, "code": code, "message": message}
    connection.execute(sa.update(failing_duties).where(same).values(**values))


def note_done(connection: sa.Connection, name: str, now: float) -> None:
    """Note that the duty is done again; its row goes at once where nobody was alarmed, nor is being alarmed now."""
    same = failing_duties.c.name == name
    unheard = (failing_duties.c.alarmed_at.is_(None), failing_duties.c.claimed_at.is_(None))
    connection.execute(sa.delete(failing_duties).where(same, *unheard))
    fails = failing_duties.c.well_at.is_(None)
    connection.execute(sa.update(failing_duties).where(same, fails).values(well_at=now))


def claim_alarm(connection: sa.Connection, duty: FailingDuty, now: float) -> bool:
    """Claim to notify the operator of `duty` as it was read; return False when another process has, or it changed."""
    names = ("name", "alarmed_at", "claimed_at", "well_at")
    unchanged = [failing_duties.c[name].is_not_distinct_from(getattr(duty, name)) for name in names]
    query = sa.update(failing_duties).where(*unchanged)
    return connection.execute(query.values(claimed_at=now)).rowcount == 1


def alarmed(connection: sa.Connection, name: str, now: float | None) -> None:
    """Note that the notification that was claimed was delivered `now`; None: it was not, and is claimed again."""
    values = {"claimed_at": None, **({} if now is None else {"alarmed_at": now})}
    connection.execute(sa.update(failing_duties).where(failing_duties.c.name == name).values(**values))


def reported_done(connection: sa.Connection, duty: FailingDuty) -> None:
    """Forget the duty, of which the operator has heard that it is done again; of one that has failed since nobody has
    heard: it counts as failing from then on."""
    forget(connection, duty)
    since = (failing_duties.c.name == duty.name, failing_duties.c.well_at.is_(None))
    anew = {"since": failing_duties.c.failed_at, "alarmed_at": None, "claimed_at": None}
    connection.execute(sa.update(failing_duties).where(*since).values(**anew))


def forget(connection: sa.Connection, duty: FailingDuty) -> None:
    """Forget the duty, which is done again, unless it has failed since."""
    same = (failing_duties.c.name == duty.name, failing_duties.c.failed_at == duty.failed_at)
    connection.execute(sa.delete(failing_duties).where(*same))
