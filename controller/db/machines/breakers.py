"""The circuit breakers of servers that fail: one for all processes, judged by the database's clock.

A server without a row is closed: its last call was answered. The first failure makes the row, an answer removes it.

Only calls of a remote panel's API feed it. Panel `local` runs programs of this very machine, each bounded by itself;
what hangs there is mostly one account's doing (a file system of its own) and must not hold up its neighbours. SSH
brings skeletons, by hand, and starts agents at once: where it fails cron starts them, and `db.starts` remembers that.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import sqlalchemy as sa

from controller.db.connection.clock import AHEAD_SECONDS
from controller.db.tables import server_breakers, servers

#: Consecutive failures that open the breaker.
FAILURES = 3
#: Seconds from the opening to the first probe, then from each failed probe to the next one.
PAUSES = (30.0, 60.0, 120.0, 240.0, 480.0, 600.0)
#: A job waits this long for its server before it fails.
PATIENCE_SECONDS = 24 * 3600.0
#: No probe's lease is longer; one that seems to be was taken by a clock that was ahead.
LONGEST_PROBE_SECONDS = 900.0
#: A server that fails for less may only be restarted.
OUTAGE_SECONDS = 900.0
#: A process that claimed an alarm so long ago is gone.
CLAIM_SECONDS = 900.0
_REASON_CHARS = 500


@dataclass(frozen=True)
class Breaker:
    """The breaker of a server whose last call failed; times are unix seconds of the database's clock.

    `next_at` is None while it is closed; from then on a call is made again, the probe.
    """

    server: str
    failures: int
    #: When the first of the failures in a row came, and the last one.
    since: float
    failed_at: float
    reason: str
    #: How often it opened in a row, counting each failed probe.
    opened: int = 0
    next_at: float | None = None
    #: Whose call is the probe, and until when nobody else makes one.
    probe_by: str | None = None
    probe_until: float | None = None
    #: When the operator was alarmed; negative: since when a process is about to do that.
    alarmed_at: float | None = None

    @property
    def is_open(self) -> bool:
        """Return whether calls wait."""
        return self.next_at is not None

    def rests(self, now: float) -> bool:
        """Return whether no call at all is made now. A time beyond the longest pause is of a clock that was ahead."""
        return self.next_at is not None and now < self.next_at <= now + PAUSES[-1]

    def lacks_alarm(self, now: float) -> bool:
        """Return whether it has been open for long and no alarm of that was delivered."""
        return self.is_open and now - self.since >= OUTAGE_SECONDS and (self.alarmed_at or -1.0) < 0

    def wants_alarm(self, now: float) -> bool:
        """Return whether the operator is to be alarmed, if it lasts; a process that claimed that long ago is gone."""
        if self.alarmed_at is None:
            return True
        return self.alarmed_at < 0 and not -AHEAD_SECONDS <= now + self.alarmed_at < CLAIM_SECONDS

    def may_probe(self, now: float, leases: float, owner: str = "") -> bool:
        """Return whether a call by `owner` may be the probe; `leases` is the time that others' leases are judged by."""
        if self.next_at is None or self.rests(now):
            return False
        until = self.probe_until
        is_free = until is None or until <= leases or until > now + LONGEST_PROBE_SECONDS
        return is_free or (bool(owner) and self.probe_by == owner)


def after_failure(known: Breaker | None, server: str, reason: str, now: float, probe: str = "") -> Breaker:
    """Return the breaker once a call to `server` has failed. A call that was under way when it opened changes nothing
    about the next probe; nor does a late answer to the `probe` itself, whose job goes on alone."""
    reason = reason[:_REASON_CHARS]
    if known is None:
        return Breaker(server, 1, now, now, reason)
    found = replace(known, failures=known.failures + 1, since=min(known.since, now), failed_at=now, reason=reason)
    is_counted = known.next_at is None and found.failures < FAILURES
    if known.rests(now) or is_counted or (known.is_open and probe and known.probe_by == probe):
        return found
    pause = PAUSES[min(known.opened, len(PAUSES) - 1)]
    return replace(found, opened=known.opened + 1, next_at=now + pause, probe_by=None, probe_until=None)


_COLUMNS = [server_breakers.c[one.name] for one in fields(Breaker)]
# Built once: asked for in every round of a worker with due jobs
_LISTED = sa.select(*_COLUMNS).order_by(server_breakers.c.server)


def get(connection: sa.Connection, server: str) -> Breaker | None:
    """Return the server's breaker, None while its last call was answered."""
    row = connection.execute(sa.select(*_COLUMNS).where(server_breakers.c.server == server)).first()
    return None if row is None else Breaker(**row._mapping)


def listed(connection: sa.Connection) -> list[Breaker]:
    """Return the breakers of all servers whose last call failed."""
    rows = connection.execute(_LISTED)
    return [Breaker(**row._mapping) for row in rows]


def opened(connection: sa.Connection) -> dict[str, Breaker]:
    """Return server -> breaker of those that are open."""
    return {one.server: one for one in listed(connection) if one.is_open}


def note_failure(connection: sa.Connection, server: str, reason: str, now: float, probe: str = "") -> None:
    """Note that a call failed for a reason of the server, `probe` if it was answered too late; a server that was
    removed meanwhile gets no row."""
    known = sa.select(servers.c.name).where(servers.c.name == server).with_for_update()
    # Its lock also orders failures of several processes
    if connection.execute(known).first() is None:
        return
    before = get(connection, server)
    values = vars(after_failure(before, server, reason, now, probe))
    if before is None:
        connection.execute(sa.insert(server_breakers).values(**values))
    else:
        connection.execute(sa.update(server_breakers).where(server_breakers.c.server == server).values(**values))


def note_answer(connection: sa.Connection, server: str) -> None:
    """Close the server's breaker: a call was answered."""
    connection.execute(sa.delete(server_breakers).where(server_breakers.c.server == server))


def claim_probe(connection: sa.Connection, server: str, owner: str, now: float, leases: float, until: float) -> bool:
    """Make the next calls of `owner` the probe, until `until`; return False when another one's is under way."""
    known = connection.execute(sa.select(*_COLUMNS).where(server_breakers.c.server == server).with_for_update()).first()
    if known is None:
        return True
    found = Breaker(**known._mapping)
    if not found.may_probe(now, leases, owner):
        return not found.is_open
    query = sa.update(server_breakers).where(server_breakers.c.server == server)
    connection.execute(query.values(probe_by=owner, probe_until=until))
    return True


def claim_alarm(connection: sa.Connection, breaker: Breaker, now: float) -> bool:
    """Claim to alarm the operator of the open breaker as it was read; return False when another process has."""
    unchanged = server_breakers.c.alarmed_at.is_not_distinct_from(breaker.alarmed_at)
    same = (server_breakers.c.server == breaker.server, server_breakers.c.next_at.is_not(None), unchanged)
    return connection.execute(sa.update(server_breakers).where(*same).values(alarmed_at=-now)).rowcount == 1


def alarmed(connection: sa.Connection, server: str, now: float | None) -> None:
    """Note that the alarm that was claimed was delivered `now`; None: it was not, and is claimed again."""
    same = (server_breakers.c.server == server, server_breakers.c.alarmed_at < 0)
    connection.execute(sa.update(server_breakers).where(*same).values(alarmed_at=now))
