"""The slots of servers: how many jobs of one are moved at once, over all processes and machines; each slot is a lease.

A slot's row stays when it is given back: only its owner goes. Times are unix seconds of the database's clock.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from controller.db.connection.clock import Moment
from controller.db.tables import server_slots

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


def of_server(connection: sa.Connection, server: str) -> list[SlotRow]:
    """Return the slots of the server that were ever taken."""
    query = sa.select(*_COLUMNS).where(server_slots.c.server == server).order_by(server_slots.c.number)
    return [SlotRow(*row) for row in connection.execute(query)]


def held(connection: sa.Connection) -> list[SlotRow]:
    """Return the slots that have an owner, by server."""
    query = sa.select(*_COLUMNS).where(server_slots.c.owner.is_not(None))
    return [SlotRow(*row) for row in connection.execute(query.order_by(server_slots.c.server, server_slots.c.number))]


def taken(connection: sa.Connection, moment: Moment) -> dict[str, int]:
    """Return server -> how many of its slots nobody else may take now."""
    return Counter(row.server for row in held(connection) if not row.is_free(moment))


def take(connection: sa.Connection, server: str, most: int, owner: str, moment: Moment, until: float) -> int | None:
    """Take one of the server's `most` slots until `until`; return its number, None when others hold them all."""
    known = {row.number: row for row in of_server(connection, server)}
    for number in range(1, most + 1):
        row = known.get(number)
        if row is None:
            if _added(connection, SlotRow(server, number, owner, until)):
                return number
        elif row.is_free(moment) and _replaced(connection, row, owner, until):
            return number
    return None


def _added(connection: sa.Connection, row: SlotRow) -> bool:
    try:
        with connection.begin_nested():
            connection.execute(sa.insert(server_slots).values(row._asdict()))
    except IntegrityError:
        # Another process has added it since
        return False
    return True


def _replaced(connection: sa.Connection, row: SlotRow, owner: str, until: float) -> bool:
    same = (server_slots.c.server == row.server, server_slots.c.number == row.number)
    held_by = server_slots.c.owner.is_(None) if row.owner is None else server_slots.c.owner == row.owner
    query = sa.update(server_slots).where(*same, held_by)
    # Its holder may have renewed it since
    query = query.where(server_slots.c.until.is_(None) if row.until is None else server_slots.c.until == row.until)
    return connection.execute(query.values(owner=owner, until=until)).rowcount == 1


def renew(connection: sa.Connection, server: str, number: int, owner: str, until: float) -> bool:
    """Extend the lease; return False when `owner` no longer holds the slot."""
    query = sa.update(server_slots).where(server_slots.c.server == server, server_slots.c.number == number)
    return connection.execute(query.where(server_slots.c.owner == owner).values(until=until)).rowcount == 1


def free(connection: sa.Connection, server: str, number: int, owner: str) -> None:
    """Give back the slot, if `owner` holds it still."""
    query = sa.update(server_slots).where(server_slots.c.server == server, server_slots.c.number == number)
    connection.execute(query.where(server_slots.c.owner == owner).values(owner=None, until=None))
