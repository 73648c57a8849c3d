"""The server of a job with its channel, and the bundle, read together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from controller.db.bundles import Bundle
from controller.db.bundles import of_columns as bundle_of
from controller.db.machines.channels import Channel
from controller.db.machines.channels import of_columns as channel_of
from controller.db.machines.servers import Server
from controller.db.machines.servers import of_columns as server_of
from controller.db.tables import agent_channels, bundles, jobs, servers

_SERVER, _BUNDLE, _CHANNEL = "server_", "bundle_", "channel_"
_OF_JOB = (
    sa.select(
        *(column.label(_SERVER + column.name) for column in servers.c),
        *(column.label(_BUNDLE + column.name) for column in bundles.c),
        *(column.label(_CHANNEL + column.name) for column in agent_channels.c),
    )
    .select_from(
        jobs.outerjoin(servers, servers.c.name == jobs.c.server)
        .outerjoin(bundles, bundles.c.name == jobs.c.bundle)
        .outerjoin(agent_channels, agent_channels.c.name == servers.c.channel)
    )
    .where(jobs.c.id == sa.bindparam("wanted"))
)


def of_job(connection: sa.Connection, job_id: str) -> tuple[Server | None, Bundle | None, Channel | None]:
    """Return the job's server, its bundle, and its server's channel; None where there is none by that name."""
    row = connection.execute(_OF_JOB, {"wanted": job_id}).first()
    if row is None:
        return None, None, None
    server, bundle, channel = (_columns(row, prefix) for prefix in (_SERVER, _BUNDLE, _CHANNEL))
    return (
        None if server is None else server_of(server),
        None if bundle is None else bundle_of(bundle),
        None if channel is None else channel_of(channel),
    )


def _columns(row: sa.Row[Any], prefix: str) -> Mapping[str, Any] | None:
    found = {name.removeprefix(prefix): value for name, value in row._mapping.items() if name.startswith(prefix)}
    return found if found["name"] is not None else None
