"""Queries on what still needs a server or a bundle."""

from __future__ import annotations

import sqlalchemy as sa

from controller.db.facts import UNDO_DONE, Facts, Undo, stores
from controller.db.identities import api_keys
from controller.db.tables import jobs

#: A cancelled job that was rolled back (controller.jobs.engine.operations.cancellation).
_TAKEN_BACK = Facts(undo=Undo(UNDO_DONE))


def of_server(connection: sa.Connection, name: str) -> list[str]:
    """Return the jobs that need the server, and the keys that are limited to it, as people read them."""
    ended = sa.and_(jobs.c.state == "live", jobs.c.ended_at.is_not(None))
    return _jobs(connection, jobs.c.server == name, ~_is_over(), ~ended) + _keys(connection, "servers", name)


def of_bundle(connection: sa.Connection, name: str) -> list[str]:
    """Return the jobs that need the bundle, and the keys that are limited to it, as people read them."""
    # A live shop needs it only if the parts for its follow-up jobs were not stored with its job
    stored = sa.or_(jobs.c.later.is_not(None), jobs.c.parts.is_not(None), jobs.c.ended_at.is_not(None))
    done = sa.and_(jobs.c.state == "live", stored)
    return _jobs(connection, jobs.c.bundle == name, ~_is_over(), ~done) + _keys(connection, "bundles", name)


def _is_over() -> sa.ColumnElement[bool]:
    taken_back = sa.and_(jobs.c.state == "cancelled", stores(_TAKEN_BACK))
    return sa.or_(jobs.c.state == "ignored", taken_back)


def _jobs(connection: sa.Connection, *which: sa.ColumnElement[bool]) -> list[str]:
    query = sa.select(jobs.c.id, jobs.c.state).where(*which).order_by(jobs.c.created_at)
    return [f"job {row.id} ({row.state})" for row in connection.execute(query)]


def _keys(connection: sa.Connection, what: str, name: str) -> list[str]:
    found = [key for key in api_keys.listed(connection) if key.revoked_at is None]
    return [f"key {key.name}" for key in found if name in (getattr(key, what) or ())]
