"""Leases of workers that were killed: they run out by themselves, which only nightly runs wait for."""

import os

import sqlalchemy as sa

from controller.db.connection.engine import transact
from controller.db.tables import jobs, server_slots

#: A moment that lies behind every clock.
LONG_AGO = 1.0


def let_run_out(engine):
    """What workers hold in the state database has run out; they all were killed."""
    if os.environ.get("SHOPLAUNCH_NIGHTLY"):
        return
    held = sa.update(jobs).where(jobs.c.lease_until.is_not(None)).values(lease_until=LONG_AGO)
    taken = sa.update(server_slots).where(server_slots.c.until.is_not(None)).values(until=LONG_AGO)
    transact(engine, lambda connection: [connection.execute(change) for change in (held, taken)])
