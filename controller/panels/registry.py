"""The registry of panel drivers; a driver is imported when a server of its kind is first opened."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial

import sqlalchemy as sa

from controller.config import Config
from controller.db import jobs, servers
from controller.db.connection.clock import database_now
from controller.db.connection.engine import make_engine, reading
from controller.db.servers import Server
from controller.keys import load_keys
from controller.panels.base import Panel
from controller.panels.start import stops
from shared.errors import ShoplaunchError


def _local(config: Config, server: Server) -> Panel:
    from controller.panels.local.driver import LocalPanel
    from controller.panels.local.settings import LocalSettings

    return LocalPanel(LocalSettings.from_dict({**config.local, **server.settings}))


def _cpanel(config: Config, server: Server) -> Panel:
    from controller.panels.cpanel.api.call_limits import ServerBreaker
    from controller.panels.cpanel.api.whm import Login
    from controller.panels.cpanel.driver import CpanelPanel
    from controller.panels.cpanel.server import Known
    from controller.panels.cpanel.settings import CpanelSettings
    from controller.panels.cpanel.start.starter import starter_key

    settings = CpanelSettings.from_dict(server.settings)
    if not server.url or not server.user or server.token_encrypted is None:
        raise ShoplaunchError("config_invalid", f"the server {server.name} lacks its address, user or token")
    keys = load_keys(config.keys)
    login = Login(server.name, server.url, server.user, keys.decrypt(server.token_encrypted), server.ca_file)
    own_token = keys.decrypt(settings.cpanel_token) if settings.cpanel_token else ""
    database = partial(_engine, config.database_url)

    def cron_seconds() -> int | None:
        with reading(database()) as connection:
            return jobs.last_cron_seconds(connection, server.name)

    def stopped() -> str:
        with reading(database()) as connection:
            return stops(servers.get(connection, server.name).start_learned, database_now(connection))

    tls_ca = None if config.tls_ca is None else str(config.tls_ca)
    known = Known(config.agent, cron_seconds, starter_key(keys.fingerprint_salt), tls_ca, stopped)
    gate = ServerBreaker(database, server.name)
    return CpanelPanel(login, settings, gate, own_token, known)


@lru_cache(maxsize=8)
def _engine(url: str) -> sa.Engine:
    """Return the state database, which records for all processes that a server has refused the login."""
    return make_engine(url)


PANELS: dict[str, Callable[[Config, Server], Panel]] = {"local": _local, "cpanel": _cpanel}


def open_panel(config: Config, server: Server) -> Panel:
    """Return the panel of `server`. Raises ShoplaunchError `config_invalid` for a kind without a driver."""
    driver = PANELS.get(server.panel)
    if driver is None:
        raise ShoplaunchError("config_invalid", f"there is no driver for panels of kind {server.panel!r}")
    return driver(config, server)
