"""Opens the panel of this machine."""

from __future__ import annotations

from controller.config import Config
from controller.db.machines.servers import Server
from controller.panels.base import Panel
from controller.panels.local.driver import LocalPanel
from controller.panels.local.settings import LocalSettings


def open_panel(config: Config, server: Server) -> Panel:
    """Return the panel of `server`. Raises ShoplaunchError `config_invalid`."""
    return LocalPanel(LocalSettings.from_dict({**config.local, **server.settings}))
