"""What the jobs of a server tell of it: its cron, whether it lets anything out, who restores which bundle there."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import sqlalchemy as sa

from controller.db.facts import Facts, decode, has_entry, stores
from controller.db.shapes import UNREADABLE, DamagedRow, tell
from controller.db.tables import jobs, servers, steps
from shared.job import RESTORE

#: The newest cron interval is searched among this many of a server's last changed jobs.
RECENT = 200
_NTH = sa.bindparam("nth", type_=sa.Integer)
_LAST_FINISHED = (
    sa.select(jobs.c.id, jobs.c.facts)
    .where(jobs.c.server == sa.bindparam("of_server"), jobs.c.state.in_(("finishing", "live")))
    .order_by(jobs.c.updated_at.desc())
    .limit(1)
    .offset(_NTH)
)
_RESTORING = sa.select(jobs.c.bundle, jobs.c.account, jobs.c.state, jobs.c.expires_at, jobs.c.facts, jobs.c.id).where(
    jobs.c.kind == RESTORE,
    jobs.c.state.in_(sa.bindparam("states", expanding=True)),
    jobs.c.server.in_(sa.select(servers.c.name).where(servers.c.panel.in_(sa.bindparam("panels", expanding=True)))),
)
_RESTORING_ONE = _RESTORING.where(jobs.c.bundle == sa.bindparam("bundle"))
_FROM_EARLIER = ~has_entry("bundle_reader") & (jobs.c.state != "preparing")


class Restoring(NamedTuple):
    """What a job that restores a bundle says of who reads its file."""

    bundle: str
    account: str
    state: str
    expires_at: float | None
    facts: Mapping[str, object]


def last_was_unheard(connection: sa.Connection, server: str) -> bool:
    """Return whether the agent that finished last on the server was only seen through the panel."""
    known = _newest(connection, _LAST_FINISHED, {"of_server": server})
    return known is not None and known.ack_seq is not None


def last_cron_seconds(connection: sa.Connection, server: str) -> int | None:
    """Return the cron interval of the newest line that was read back on the server, None before the first."""
    newest = sa.select(jobs.c.id, jobs.c.facts).where(jobs.c.server == server)
    recent = newest.order_by(jobs.c.updated_at.desc()).limit(RECENT).subquery()
    query = sa.select(recent.c.id, recent.c.facts).join(steps, steps.c.job == recent.c.id)
    query = query.where(steps.c.name == "cron", steps.c.state == "done")
    known = _newest(connection, query.order_by(steps.c.finished_at.desc()).limit(1).offset(_NTH), {})
    return None if known is None else known.cron_seconds


def _newest(connection: sa.Connection, query: sa.Select[tuple[str, str]], values: Mapping[str, object]) -> Facts | None:
    """Return the facts of the first row that is not damaged, None where there is none; `query` gives the row (id,
    facts) number `nth`."""
    for nth in range(RECENT):
        row = connection.execute(query, {**values, "nth": nth}).first()
        known = None if row is None else _facts_of(row.id, row.facts)
        if row is None or known is not None:
            return known
    return None


def restoring_on(
    connection: sa.Connection,
    panels: Sequence[str],
    states: Sequence[str],
    bundle: str | None = None,
    reader: int | None = None,
) -> list[Restoring]:
    """Return the jobs in `states` that restore a bundle on servers of these `panels`: only that `bundle`, and of those
    that note who reads it only those of `reader`, where they are given. One that is prepared notes it before."""
    which: dict[str, object] = {"panels": list(panels), "states": list(states)}
    query = _RESTORING
    if bundle is not None:
        query, which["bundle"] = _RESTORING_ONE, bundle
    if reader is not None:
        query = query.where(sa.or_(stores(Facts(bundle_reader=reader)), _FROM_EARLIER))
    rows = connection.execute(query, which).all()
    return [Restoring(*row[:4], json.loads(row.facts)) for row in rows if _facts_of(row.id, row.facts) is not None]


def _facts_of(job_id: str, stored: str) -> Facts | None:
    """Return the facts that a row of another job stores, None where they are damaged, which the log says."""
    try:
        return decode(json.loads(stored))
    except (DamagedRow, *UNREADABLE) as problem:
        tell(DamagedRow(f"what is stored of job {job_id} is damaged: {getattr(problem, 'message', problem)}"))
        return None
