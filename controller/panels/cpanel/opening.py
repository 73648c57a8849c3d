"""Opens the panel of a cPanel server, and checks what `server add` is given for one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache, partial
from urllib.parse import urlsplit

import sqlalchemy as sa

from controller.db.connection.clock import database_now
from controller.db.connection.engine import make_engine, reading
from controller.db.machines import jobs_there, servers
from controller.db.machines.servers import Server
from controller.keys import load_keys
from controller.panels.base import Panel
from controller.panels.cpanel.api.call_limits import ServerBreaker
from controller.panels.cpanel.api.whm import Login
from controller.panels.cpanel.driver import CpanelPanel
from controller.panels.cpanel.server import Known
from controller.panels.cpanel.settings import CpanelSettings
from controller.panels.cpanel.start.starter import starter_key
from controller.panels.start import stops
from controller.settings.sections import Config
from shared.errors import ShoplaunchError

WHM_PORT = 2087
#: Ports of the same machine where WHM's functions are unavailable, or only in plain text.
_OTHER_PORTS = {2082: "cPanel", 2083: "cPanel", 2086: "WHM without TLS", 2095: "webmail", 2096: "webmail"}
_USER = re.compile(r"[a-z][a-z0-9_.-]{0,63}\Z")


def open_panel(config: Config, server: Server) -> Panel:
    """Return the panel of `server`. Raises ShoplaunchError `config_invalid`."""
    own = CpanelSettings.from_dict(server.settings)
    if not server.url or not server.user or server.token_encrypted is None:
        raise ShoplaunchError("config_invalid", f"the server {server.name} lacks its address, user or token")
    keys = load_keys(config.keys)
    login = Login(server.name, server.url, server.user, keys.decrypt(server.token_encrypted), server.ca_file)
    own_token = keys.decrypt(own.cpanel_token) if own.cpanel_token else ""
    database = partial(_engine, config.database_url)

    def cron_seconds() -> int | None:
        with reading(database()) as connection:
            return jobs_there.last_cron_seconds(connection, server.name)

    def stopped() -> str:
        with reading(database()) as connection:
            return stops(servers.get(connection, server.name).start_learned, database_now(connection))

    tls_ca = None if config.tls_ca is None else str(config.tls_ca)
    known = Known(config.agent, cron_seconds, starter_key(keys.fingerprint_salt), tls_ca, stopped)
    return CpanelPanel(login, own, ServerBreaker(database, server.name), own_token, known)


@lru_cache(maxsize=8)
def _engine(url: str) -> sa.Engine:
    """Return the state database, which records for all processes that a server has refused the login."""
    return make_engine(url)


def settings(values: Mapping[str, object]) -> dict[str, object]:
    """Return the settings in `values` converted to their types. Raises ShoplaunchError `config_invalid`."""
    checked = vars(CpanelSettings.from_dict(values))
    return {key: checked[key] for key in values}


def address(url: str) -> str:
    """Return the address of a WHM server as https://host:port. Raises ShoplaunchError `config_invalid`."""
    parts = urlsplit(url if "//" in url else f"https://{url}")
    try:
        port = parts.port or WHM_PORT
        host = (parts.hostname or "").encode("idna").decode("ascii")
    except ValueError:
        host, port = "", 0
    if parts.scheme != "https" or not host or parts.username or parts.query or parts.path.rstrip("/"):
        raise ShoplaunchError("config_invalid", "--url must be an address such as https://web1.example.net:2087")
    if port in _OTHER_PORTS:
        raise ShoplaunchError("config_invalid", f"port {port} is for {_OTHER_PORTS[port]}; WHM answers at {WHM_PORT}")
    return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"


def login_name(user: str) -> str:
    """Return the WHM user. Raises ShoplaunchError `config_invalid`."""
    if not _USER.match(user):
        raise ShoplaunchError("config_invalid", "--user must be root or a reseller's name")
    return user
