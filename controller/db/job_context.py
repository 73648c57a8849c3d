"""The server and the bundle of a job, read together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from controller.db.bundles import Bundle
from controller.db.bundles import of_columns as bundle_of
from controller.db.machines.servers import Server
from controller.db.machines.servers import of_columns as server_of
from controller.db.tables import bundles, jobs, servers

_SERVER, _BUNDLE = "server_", "bundle_"
_OF_JOB = (
    sa.select(
        *(column.label(_SERVER + column.name) for column in servers.c),
        *(column.label(_BUNDLE + column.name) for column in bundles.c),
    )
    .select_from(
        jobs.outerjoin(servers, servers.c.name == jobs.c.server).outerjoin(bundles, bundles.c.name == jobs.c.bundle)
    )
    .where(jobs.c.id == sa.bindparam("wanted"))
)


def of_job(connection: sa.Connection, job_id: str) -> tuple[Server | None, Bundle | None]:
    """Return the job's server and its bundle, None where there is none by that name."""
    row = connection.execute(_OF_JOB, {"wanted": job_id}).first()
    if row is None:
        return None, None
    server, bundle = _columns(row, _SERVER), _columns(row, _BUNDLE)
    return None if server is None else server_of(server), None if bundle is None else bundle_of(bundle)


def _columns(row: sa.Row[Any], prefix: str) -> Mapping[str, Any] | None:
    found = {name.removeprefix(prefix): value for name, value in row._mapping.items() if name.startswith(prefix)}
    return found if found["name"] is not None else None
