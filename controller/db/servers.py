"""Queries on the servers and their panels."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from controller.db.tables import servers
from shared.errors import ShoplaunchError


@dataclass(frozen=True)
class Server:
    """A server as its row says; `settings` are the panel's own, over those of the configuration."""

    name: str
    panel: str
    url: str = ""
    user: str = ""
    token_encrypted: str | None = field(default=None, repr=False)
    ca_file: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)


def _server(row: sa.Row[Any]) -> Server:
    values = dict(row._mapping)
    del values["created_at"]
    return Server(**{**values, "settings": json.loads(values["settings"])})


def add(connection: sa.Connection, server: Server, now: float) -> None:
    """Add a server. Raises ShoplaunchError `name_taken`."""
    if connection.execute(sa.select(servers.c.name).where(servers.c.name == server.name)).first():
        raise ShoplaunchError("name_taken", f"there is a server {server.name!r} already")
    values = {**vars(server), "settings": json.dumps(dict(server.settings), sort_keys=True), "created_at": now}
    connection.execute(sa.insert(servers).values(**values))


def get(connection: sa.Connection, name: str) -> Server:
    """Return the server. Raises ShoplaunchError `server_unknown`."""
    row = connection.execute(sa.select(servers).where(servers.c.name == name)).first()
    if row is None:
        raise ShoplaunchError("server_unknown", f"there is no server {name[:80]!r}")
    return _server(row)


def listed(connection: sa.Connection) -> list[Server]:
    """Return all servers by name."""
    return [_server(row) for row in connection.execute(sa.select(servers).order_by(servers.c.name))]
