"""Opens the panel of this machine."""

from __future__ import annotations

from urllib.parse import urlsplit

from controller.db.machines.servers import MACHINE, Server
from controller.network.http_client import Origin
from controller.panels.base import Panel
from controller.panels.local.driver import LocalPanel
from controller.panels.local.settings import LocalSettings
from controller.settings.sections import Config


def open_panel(config: Config, server: Server) -> Panel:
    """Return the panel of `server`. Raises ShoplaunchError `config_invalid`."""
    own = Origin(urlsplit(config.public_url).hostname or "", 0)
    settings = {name: value for name, value in server.settings.items() if name != MACHINE}
    return LocalPanel(LocalSettings.from_dict({**config.local, **settings}), own.host)
