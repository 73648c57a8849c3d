"""Which driver serves which server; a driver is imported when a server of its kind is first opened."""

from __future__ import annotations

from collections.abc import Callable

from controller.config import Config
from controller.db.servers import Server
from controller.panels.base import Panel
from shared.errors import ShoplaunchError


def _local(config: Config, server: Server) -> Panel:
    from controller.panels.local.driver import LocalPanel
    from controller.panels.local.settings import LocalSettings

    return LocalPanel(LocalSettings.from_dict({**config.local, **server.settings}))


PANELS: dict[str, Callable[[Config, Server], Panel]] = {"local": _local}


def open_panel(config: Config, server: Server) -> Panel:
    """Return the panel of `server`. Raises ShoplaunchError `config_invalid` for a kind without a driver."""
    driver = PANELS.get(server.panel)
    if driver is None:
        raise ShoplaunchError("config_invalid", f"there is no driver for panels of kind {server.panel!r}")
    return driver(config, server)
