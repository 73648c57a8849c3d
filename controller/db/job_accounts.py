"""Queries on which accounts ever had a job."""

from __future__ import annotations

import sqlalchemy as sa

from controller.db.tables import jobs


def with_jobs(connection: sa.Connection, server: str) -> set[str]:
    """Return the accounts of `server` that have or had a job of any state."""
    query = sa.select(jobs.c.account).where(jobs.c.server == server).distinct()
    return set(connection.execute(query).scalars())
