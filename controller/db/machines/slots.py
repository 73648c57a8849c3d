"""The slots of servers: how many jobs of one are moved at once, over all processes and machines; each slot is a lease.

A slot's row stays when it is given back: only its owner goes. Times are unix seconds of the database's clock.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

import sqlalchemy as sa

from controller.db.connection.clock import Moment
from controller.db.tables import jobs, server_slots
from shared.errors import ShoplaunchError

#: No slot's lease is longer; one that seems to be was taken by a clock that was ahead.
LONGEST_SECONDS = 1200.0


class SlotRow(NamedTuple):
    """A slot; without an owner it is free."""

    server: str
    number: int
    owner: str | None
    until: float | None

    def is_free(self, moment: Moment) -> bool:
        """Return whether another owner may take it."""
        is_over = self.until is None or self.until <= moment.leases or self.until > moment.now + LONGEST_SECONDS
        return self.owner is None or is_over


_COLUMNS = [server_slots.c[name] for name in SlotRow._fields]
# Built once: asked for every claim
_OF_SERVER = sa.select(*_COLUMNS).where(server_slots.c.server == sa.bindparam("wanted")).order_by(server_slots.c.number)
_OF_SERVER_LOCKED = _OF_SERVER.with_for_update()
_SAME = (server_slots.c.server == sa.bindparam("of_server"), server_slots.c.number == sa.bindparam("of_number"))
_OWNER, _UNTIL = sa.bindparam("of_owner", type_=sa.String), sa.bindparam("of_until", type_=sa.Double)
_FREE = sa.update(server_slots).where(*_SAME, server_slots.c.owner == _OWNER)
#: Whether a slot has an owner, and an end, before another one holds it -> the statement.
_HOLD = {
    (is_owned, ends): sa.update(server_slots).where(
        *_SAME,
        server_slots.c.owner == _OWNER if is_owned else server_slots.c.owner.is_(None),
        server_slots.c.until == _UNTIL if ends else server_slots.c.until.is_(None),
    )
    for is_owned in (False, True)
    for ends in (False, True)
}
_HELD = (
    sa.select(*_COLUMNS).where(server_slots.c.owner.is_not(None)).order_by(server_slots.c.server, server_slots.c.number)
)


def of_server(connection: sa.Connection, server: str, *, lock: bool = False) -> list[SlotRow]:
    """Return the slots of the server that were ever taken; with `lock` others who ask so wait for the transaction."""
    query = _OF_SERVER_LOCKED if lock else _OF_SERVER
    return [SlotRow(*row) for row in connection.execute(query, {"wanted": server})]


def held(connection: sa.Connection) -> list[SlotRow]:
    """Return the slots that have an owner, by server."""
    return [SlotRow(*row) for row in connection.execute(_HELD)]


def taken(connection: sa.Connection, moment: Moment) -> dict[str, int]:
    """Return server -> how many of its slots nobody else may take now."""
    return {server: len(numbers) for server, numbers in taken_numbers(connection, moment).items()}


def taken_numbers(connection: sa.Connection, moment: Moment) -> dict[str, set[int]]:
    """Return server -> numbers of its slots that nobody else may take now."""
    found: dict[str, set[int]] = {}
    for row in held(connection):
        if not row.is_free(moment):
            found.setdefault(row.server, set()).add(row.number)
    return found


def take(connection: sa.Connection, server: str, most: int, owner: str, moment: Moment, until: float) -> int | None:
    """Take one of the server's `most` slots until `until`; return its number, None when others hold them all, or none
    were made."""
    for row in of_server(connection, server):
        if row.number <= most and row.is_free(moment) and hold(connection, row, owner, until):
            return row.number
    return None


def make(connection: sa.Connection, server: str, most: int) -> bool:
    """Make those of the server's `most` slots that are missing; return whether any was."""
    known = {row.number for row in of_server(connection, server)}
    missing = [SlotRow(server, number, None, None) for number in range(1, most + 1) if number not in known]
    if missing:
        connection.execute(sa.insert(server_slots), [row._asdict() for row in missing])
    return bool(missing)


def is_known(connection: sa.Connection, server: str) -> bool:
    """Return whether any job is of a server of that name."""
    return connection.execute(sa.select(jobs.c.id).where(jobs.c.server == server).limit(1)).first() is not None


def hold(connection: sa.Connection, row: SlotRow, owner: str, until: float) -> bool:
    """Let `owner` hold the slot until `until`; return False when it is not as in `row` any more."""
    # Its holder may have renewed it since
    same: dict[str, object] = {"of_server": row.server, "of_number": row.number}
    same |= {} if row.owner is None else {"of_owner": row.owner}
    same |= {} if row.until is None else {"of_until": row.until}
    query = _HOLD[row.owner is not None, row.until is not None]
    return connection.execute(query, {**same, "owner": owner, "until": until}).rowcount == 1


def hold_locked(connection: sa.Connection, row: SlotRow, owner: str, until: float) -> None:
    """As `hold`, of a slot whose row is locked. Raises database_busy, to be repeated, where that kept nobody out: its
    server was removed, and came again."""
    if not hold(connection, row, owner, until):
        raise ShoplaunchError("database_busy", f"a slot of {row.server} was changed meanwhile", repeatable=True)


def renew(connection: sa.Connection, holders: Mapping[str, str], until: float) -> Collection[str]:
    """Extend the leases of `holders` (owner -> server); return the owners that hold their slot still."""
    mine = (server_slots.c.server.in_(set(holders.values())), server_slots.c.owner.in_(holders))
    if connection.execute(sa.update(server_slots).where(*mine).values(until=until)).rowcount == len(holders):
        return holders.keys()
    return set(connection.execute(sa.select(server_slots.c.owner).where(*mine)).scalars())


def shorten(connection: sa.Connection, row: SlotRow, until: float, longest: float) -> None:
    """End the lease of a killed holder at `until`, if it is as in `row`, and over by `longest`."""
    same = (server_slots.c.server == row.server, server_slots.c.number == row.number, server_slots.c.owner == row.owner)
    query = sa.update(server_slots).where(*same, server_slots.c.until > until, server_slots.c.until <= longest)
    connection.execute(query.values(until=until))


def free(connection: sa.Connection, server: str, number: int, owner: str) -> None:
    """Give back the slot, if `owner` holds it still."""
    same = {"of_server": server, "of_number": number, "of_owner": owner}
    connection.execute(_FREE, {**same, "owner": None, "until": None})
