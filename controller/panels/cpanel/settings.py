"""A cPanel server's settings: the row's `settings`, given by `server add --option KEY=VALUE`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from ipaddress import ip_address
from typing import Any

from shared.errors import ShoplaunchError

#: Enough for all queries at the start of a job in parallel.
CALLS_IN_FLIGHT = 12
#: How a remote database is authenticated.
TLS_MODES = ("verify", "ca", "pin", "plain")
#: SHA-256 in hexadecimal, as tools print it.
_PIN = re.compile(r"\s*(?:[0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2}\s*\Z")
SKELETONS = ("root", "reseller", "none")
#: The first letters of every encrypted value.
ENCRYPTED = "gAAAA"
_ADDRESS = re.compile(r"https://[^/?#@\s]+\Z")
_ANSWERS = {"yes": True, "no": False}
_LABEL = "(?!-)[a-z0-9-]{1,63}(?<!-)"
DOMAIN = re.compile(rf"(?=.{{4,253}}\Z){_LABEL}(?:\.{_LABEL})+\Z")


@dataclass(frozen=True)
class CpanelSettings:
    """Settings that differ from host to host."""

    #: The plan of accounts that are created for orders; the server's default when empty.
    package: str = ""
    #: A folder on the server, readable by its accounts, that holds NAME.bundle.
    bundle_folder: str = ""
    #: Whether paid bundles are read from there as well: every account of the server can copy them.
    share_paid: bool = False
    #: Bytes per second at which all accounts of the server together fetch bundles from the controller; 0: no limit.
    fetch_rate: int = 0
    calls_in_flight: int = CALLS_IN_FLIGHT
    #: The smallest interval at which the host lets cron run, in minutes.
    cron_minutes: int = 1
    skeleton: str = "reseller"
    #: user@host for writing the skeleton by SSH.
    ssh: str = ""
    #: The address of the reseller's own cPanel account, with its own token (encrypted here); empty: port 2083 of the
    #: server's host.
    cpanel_url: str = ""
    cpanel_token: str = field(default="", repr=False)
    #: The address of sites, when it differs from the one the panel reports (NAT, another port).
    http_ip: str = ""
    http_port: int = 80
    https_port: int = 443
    #: The address in public DNS, when it differs from the one where sites answer from here (NAT).
    public_ip: str = ""
    #: Name servers for clients' domains, separated by commas, when they differ from those the panel reports.
    name_servers: str = ""
    #: The database server's socket, where it is none of the usual ones, and the user id of the process that listens
    #: there, when that is neither root nor called mysql or mariadb; 0: one of these.
    db_socket: str = ""
    db_uid: int = 0
    #: How a remote database is authenticated: verify, ca (db_ca, a file of certificates here), pin (db_pin, SHA-256 of
    #: its certificate) or plain: not at all; empty: verify.
    db_tls: str = ""
    db_ca: str = ""
    db_pin: str = ""

    @classmethod
    def from_dict(cls, values: Mapping[str, object]) -> CpanelSettings:
        """Return the settings in `values`, texts converted to their types. Raises config_invalid naming the setting."""
        kinds = {one.name: type(getattr(cls, one.name)) for one in fields(cls)}
        known: dict[str, Any] = {}
        for name, value in values.items():
            if name not in kinds:
                raise ShoplaunchError("config_invalid", f"cPanel servers have no setting {name!r}")
            known[name] = _convert(name, value, kinds[name])
        settings = cls(**known)
        settings._check()
        return settings

    def name_server_list(self) -> list[str]:
        """Return the names of `name_servers`."""
        return [name.strip().lower() for name in self.name_servers.split(",") if name.strip()]

    def public_address(self) -> str:
        """Return `public_ip` in its canonical form. Raises config_invalid."""
        try:
            return str(ip_address(self.public_ip)) if self.public_ip else ""
        except ValueError:
            raise ShoplaunchError("config_invalid", "public_ip must be an IP address") from None

    def _check_database(self) -> None:
        """Raise config_invalid where the settings cannot authenticate the database server."""
        if not 0 <= self.db_uid < 2**32 - 1:
            raise ShoplaunchError("config_invalid", "db_uid must be the number of a user")
        if self.db_socket and not _is_plain_path(self.db_socket):
            raise ShoplaunchError("config_invalid", "db_socket must be an absolute path on the server")
        if self.db_tls and self.db_tls not in TLS_MODES:
            raise ShoplaunchError("config_invalid", f"db_tls must be one of {', '.join(TLS_MODES)}")
        if self.db_ca and not _is_plain_path(self.db_ca):
            raise ShoplaunchError("config_invalid", "db_ca must be the absolute path of a file of certificates here")
        if self.db_tls == "ca" and not self.db_ca:
            raise ShoplaunchError("config_invalid", "db_tls=ca needs db_ca, a file of certificates here")
        if not all(_PIN.match(one) for one in self.db_pin.split(",") if self.db_pin):
            raise ShoplaunchError(
                "config_invalid", "db_pin must be the SHA-256 of a certificate (several: with commas)"
            )
        if self.db_tls == "pin" and not self.db_pin:
            raise ShoplaunchError("config_invalid", "db_tls=pin needs db_pin, the SHA-256 of the server's certificate")

    def _check(self) -> None:
        if not 1 <= self.calls_in_flight <= 64:
            raise ShoplaunchError("config_invalid", "calls_in_flight must be between 1 and 64")
        if not 1 <= self.cron_minutes <= 59:
            raise ShoplaunchError("config_invalid", "cron_minutes must be between 1 and 59")
        for name in ("http_port", "https_port"):
            if not 0 < getattr(self, name) < 65536:
                raise ShoplaunchError("config_invalid", f"{name} must be between 1 and 65535")
        self.public_address()
        if self.fetch_rate < 0:
            raise ShoplaunchError("config_invalid", "fetch_rate must be at least 0")
        wrong = [name for name in self.name_server_list() if not DOMAIN.match(name)]
        if wrong:
            raise ShoplaunchError("config_invalid", f"name_servers: not a host name: {wrong[0][:80]!r}")
        if self.skeleton not in SKELETONS:
            raise ShoplaunchError("config_invalid", f"skeleton must be one of {', '.join(SKELETONS)}")
        if self.cpanel_url and not _ADDRESS.match(self.cpanel_url):
            raise ShoplaunchError("config_invalid", "cpanel_url must be https://host:port")
        if self.cpanel_token and not self.cpanel_token.startswith(ENCRYPTED):
            raise ShoplaunchError("config_invalid", "cpanel_token is given by --cpanel-token-file")
        self._check_database()
        if self.bundle_folder and (not self.bundle_folder.startswith("/") or ".." in self.bundle_folder.split("/")):
            raise ShoplaunchError("config_invalid", "bundle_folder must be an absolute path on the server")


def _is_plain_path(path: str) -> bool:
    return path.startswith("/") and ".." not in path.split("/")


def _convert(name: str, value: Any, kind: type) -> Any:
    if kind is bool:
        if value not in (True, False, *_ANSWERS):
            raise ShoplaunchError("config_invalid", f"{name} must be yes or no")
        return _ANSWERS.get(value, value)
    if kind is int:
        try:
            if isinstance(value, bool):
                raise ValueError
            return int(value)
        except (TypeError, ValueError):
            raise ShoplaunchError("config_invalid", f"{name} must be a number") from None
    if not isinstance(value, str):
        raise ShoplaunchError("config_invalid", f"{name} must be text")
    return value
