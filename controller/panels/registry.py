"""The registry of panels: each kind's driver, what `server add` asks for, and whether its accounts live here.

A new kind is one entry of PANELS and the driver's package that it names. The package's module `opening` offers what is
listed in `Opening`; it is imported when a server of its kind is first opened. `tests/contract` runs for every entry.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol, cast

from controller.db.machines import servers
from controller.db.machines.servers import Server
from controller.panels.base import Panel
from controller.settings.sections import Config
from controller.this_machine import Machine, this_machine
from shared.errors import ShoplaunchError


class Opening(Protocol):
    """The module `opening` of a driver's package. One that is_here needs `open_panel` alone."""

    def open_panel(self, config: Config, server: Server) -> Panel:
        """Return the panel of `server`. Raises ShoplaunchError `config_invalid` for unusable settings."""

    def settings(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the settings `values` converted to their types. Raises ShoplaunchError `config_invalid`."""

    def address(self, url: str) -> str:
        """Return the address of a server in its one spelling. Raises ShoplaunchError `config_invalid`."""

    def login_name(self, user: str) -> str:
        """Return the user that calls it. Raises ShoplaunchError `config_invalid`."""


@dataclass(frozen=True)
class Kind:
    """One kind of panel; `package` is its driver's."""

    package: str
    #: As people write it.
    title: str
    #: Whether it is the controller's own machine: no address and login, bundles are read where they lie, agents start
    #: at once without being asked for through a site.
    is_here: bool = False
    #: What `server add --help` says of --url and --user.
    url_help: str = ""
    user_help: str = ""
    #: What it says of the settings that --option takes.
    settings_help: str = ""
    #: Settings that are sealed with the installation's keys.
    sealed_settings: tuple[str, ...] = ()

    @property
    def opening(self) -> Opening:
        """The driver's module, imported now."""
        return cast(Opening, import_module(f"{self.package}.opening"))


PANELS: dict[str, Kind] = {
    "local": Kind("controller.panels.local", "local", is_here=True),
    "cpanel": Kind(
        "controller.panels.cpanel",
        "cPanel",
        url_help="https://host:2087",
        user_help="root or the reseller's name",
        sealed_settings=("cpanel_token",),
        settings_help="""\
package (plan of accounts that are made), bundle_folder (readable by accounts, holds
NAME.bundle: all of them can copy it), share_paid (yes: also for bundles marked as paid), fetch_rate (bytes/s of
bundles from here), calls_in_flight, cron_minutes (smallest interval), skeleton (root, reseller, none), ssh
(user@host), cpanel_url (where the reseller's own account is called with its own token, when that is not port
2083 of the same host), http_ip, http_port and https_port (where sites answer, behind NAT), public_ip (where the
world's name servers lead visitors, behind NAT), name_servers (for clients' domains, separated by commas),
db_socket and db_uid (the database's socket and whose process listens there, where these are not the usual
ones), db_tls (how a remote database proves who it is: verify, ca, pin or plain), db_ca (for ca: a file of
certificates here), db_pin (for pin: SHA-256 of its certificate).""",
    ),
}


def kind_named(panel: str) -> Kind:
    """Return the kind of panel. Raises ShoplaunchError `config_invalid` for one without a driver."""
    kind = PANELS.get(panel)
    if kind is None:
        raise ShoplaunchError("config_invalid", f"there is no driver for panels of kind {panel!r}")
    return kind


def is_here(panel: str) -> bool:
    """Return whether accounts of this kind of panel live on the controller's own machine."""
    kind = PANELS.get(panel)
    return kind is not None and kind.is_here


def here() -> tuple[str, ...]:
    """Return the kinds of panels whose accounts live on the controller's own machine."""
    return tuple(name for name, kind in PANELS.items() if kind.is_here)


def elsewhere(server: Server) -> Machine | None:
    """Return the machine on which the server's accounts live if that is another than this one, else None."""
    if not is_here(server.panel) or server.machine == this_machine():
        return None
    return server.machine


def is_unbound(server: Server) -> bool:
    """Return whether the server's accounts live on one machine, and which that is was never noted."""
    return is_here(server.panel) and server.machine is None


def starts(server: Server) -> str:
    """Return AUTO where agents are started at once if possible, CRON where only cron starts them."""
    return server.start or (servers.AUTO if is_here(server.panel) else servers.CRON)


def open_panel(config: Config, server: Server) -> Panel:
    """Return the panel of `server`. Raises ShoplaunchError `config_invalid` for a kind without a driver."""
    return kind_named(server.panel).opening.open_panel(config, server)
