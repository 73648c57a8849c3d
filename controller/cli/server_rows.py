"""Validate a cPanel server's options from the command line for its row in the database."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from controller.config import Config
from controller.db.servers import Server
from controller.panels.cpanel.settings import CpanelSettings
from controller.setup import inventory
from shared.errors import ShoplaunchError

WHM_PORT = 2087
#: Ports of the same machine where WHM's functions are unavailable, or only in plain text.
_OTHER_PORTS = {2082: "cPanel", 2083: "cPanel", 2086: "WHM without TLS", 2095: "webmail", 2096: "webmail"}
_USER = re.compile(r"[a-z][a-z0-9_.-]{0,63}\Z")
_TOKEN = re.compile(r"[A-Za-z0-9]{8,256}\Z")
#: No token is longer.
_TOKEN_BYTES = 4096


def changed(
    config: Config,
    row: Server,
    token_file: Path | None,
    ca: Path | None,
    options: Iterable[str],
    own_token_file: Path | None = None,
) -> Server:
    """Return the row with the given values; `own_token_file` is of a reseller's own account. Raises config_invalid."""
    if token_file is not None:
        row = replace(row, token_encrypted=inventory.seal(config, read_token(token_file)))
    if ca is not None:
        row = replace(row, ca_file=certificates(ca))
    known = settings(options, row.settings)
    if own_token_file is not None:
        known["cpanel_token"] = inventory.seal(config, read_token(own_token_file))
    return replace(row, settings=known)


def address(url: str) -> str:
    """Return the address of a WHM server as https://host:port. Raises config_invalid."""
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
    """Return the WHM user. Raises config_invalid."""
    if not _USER.match(user):
        raise ShoplaunchError("config_invalid", "--user must be root or a reseller's name")
    return user


def read_token(path: Path) -> str:
    """Return the API token in a file. Raises config_invalid, never repeating it."""
    with path.open("rb") as stream:
        token = stream.read(_TOKEN_BYTES).decode("ascii", "replace").strip()
    if not _TOKEN.match(token):
        raise ShoplaunchError("config_invalid", f"{path} holds no API token: one word of letters and digits")
    return token


def certificates(path: Path) -> str:
    """Return the absolute path of a file of certificates. Raises config_invalid when there are none in it."""
    try:
        ssl.create_default_context(cafile=str(path))
    except (ssl.SSLError, OSError):
        raise ShoplaunchError("config_invalid", f"{path} holds no certificates (PEM)") from None
    return str(path.resolve())


def settings(options: Iterable[str], known: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the settings with KEY=VALUE `options` over the known ones; an empty value removes one."""
    found = dict(known or {})
    for option in options:
        key, equals, value = option.partition("=")
        if not equals:
            raise ShoplaunchError("config_invalid", f"--option {option[:40]!r} is not KEY=VALUE")
        if value:
            found[key] = value
        else:
            found.pop(key, None)
    checked = vars(CpanelSettings.from_dict(found))
    return {key: checked[key] for key in found}
