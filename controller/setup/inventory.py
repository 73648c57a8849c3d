"""Servers, bundles and keys of an installation for commands, which never handle its engine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa

from controller.access.actor import command_line
from controller.db import bundles, jobs
from controller.db.bundles import Bundle
from controller.db.connection.clock import database_now
from controller.db.connection.engine import make_engine, reading
from controller.db.machines import breakers, channels, servers
from controller.db.machines.breakers import Breaker
from controller.db.machines.servers import Server
from controller.db.migrate import require_current
from controller.db.row_holds import Hold
from controller.jobs.lifecycle.bundle_store import Bundles
from controller.keys import load_keys
from controller.panels.base import Panel
from controller.panels.registry import is_here, open_panel
from controller.settings.sections import Config
from controller.this_machine import this_machine
from shared.errors import ShoplaunchError


def require_database(config: Config) -> None:
    """Raise ShoplaunchError `not_initialised` where there is no installation yet, or one of an earlier version,
    `database_newer` for one of a newer version."""
    _open_database(config)


def _open_database(config: Config) -> sa.Engine:
    if not config.keys.is_dir():
        raise ShoplaunchError("not_initialised", f"there is no installation in {config.home}")
    engine = make_engine(config.database_url)
    require_current(engine)
    return engine


def now(config: Config) -> float:
    """Return the database's time in unix seconds."""
    return command_line(config).now()


def get_server(config: Config, name: str) -> Server:
    """Return the server called `name`. Raises ShoplaunchError `server_unknown`, `not_initialised`."""
    with reading(_open_database(config)) as connection:
        return servers.get(connection, name)


def list_servers(config: Config) -> list[Server]:
    """Return the servers by name. Raises ShoplaunchError `not_initialised`."""
    with reading(_open_database(config)) as connection:
        return servers.listed(connection)


def open_breakers(config: Config) -> dict[str, Breaker]:
    """Return server -> breaker of those whose breaker is open. Raises ShoplaunchError `not_initialised`."""
    with reading(_open_database(config)) as connection:
        return breakers.opened(connection)


def panel_of(config: Config, name: str) -> Panel:
    """Return the panel of the server called `name`. Raises ShoplaunchError `server_unknown`, `not_initialised`."""
    return open_panel(config, get_server(config, name))


def add_server(config: Config, row: Server) -> None:
    """Add the new server; one of a panel that is here belongs to this machine. Raises ShoplaunchError `name_taken`."""
    machine = this_machine()
    if machine is not None and is_here(row.panel):
        row = row.on(machine)
    actor = command_line(config)
    actor.change("server add", row.name, lambda connection: servers.add(connection, row, database_now(connection)))


def change_server(config: Config, name: str, start: str | None, changed: Callable[[Server], Server] | None) -> None:
    """Write the server's changes: its panel's settings, as `changed` makes them of its row, and how agents start.

    Raises `server_unknown`, and what `changed` raises.
    """

    def write(connection: sa.Connection) -> None:
        if changed is not None:
            # From the row as it is now: another command, or newer keys, may have changed it since it was read
            servers.change(connection, changed(servers.get(connection, name, Hold.ALONE)))
        if start is not None:
            servers.choose_start(connection, name, start)

    command_line(config).change("server set", name, write)


def move_here(config: Config, name: str) -> None:
    """Note that the server's accounts live on this machine. Raises `server_unknown`, `config_invalid`."""
    machine = this_machine()
    if machine is None:
        raise ShoplaunchError("config_invalid", "this machine has no id: /etc/machine-id is missing or empty")
    change_server(config, name, None, lambda row: row.on(machine))


def choose_channel(config: Config, server: str, channel: str) -> None:
    """Put the server into the channel of agents. Raises `server_unknown`."""
    actor = command_line(config)
    actor.change("server set", f"{server} {channel}", lambda connection: channels.choose(connection, server, channel))


def busy_accounts(config: Config, server: str) -> set[str]:
    """Return the accounts of the server that have or had a job. Raises ShoplaunchError `not_initialised`."""
    with reading(_open_database(config)) as connection:
        return set(jobs.accounts_with_jobs(connection, server))


def bundle_store(config: Config) -> Bundles:
    """Return the installation's bundles. Raises ShoplaunchError `not_initialised`."""
    return Bundles(config, _open_database(config))


def bundle_file(config: Config, name: str) -> tuple[Bundle, Path]:
    """Return (bundle, its file). Raises ShoplaunchError `bundle_unknown`, `bundle_missing`, `not_initialised`."""
    with reading(_open_database(config)) as connection:
        known = bundles.get(connection, name)
    path = config.bundles / f"{name}.bundle"
    if not path.is_file():
        raise ShoplaunchError("bundle_missing", f"the file {path} is gone")
    return known, path


def seal(config: Config, secret: str) -> str:
    """Return the secret encrypted for a row. Raises ShoplaunchError `config_invalid`."""
    return load_keys(config.keys).encrypt(secret)


def public_keys(config: Config) -> list[bytes]:
    """Return the public halves of the installation's signing keys, newest last. Raises ShoplaunchError
    `config_invalid`."""
    return list(load_keys(config.keys).public_keys())
