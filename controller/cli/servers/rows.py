"""Validate a server's options from the command line for its row in the database."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from controller.db.machines.servers import Server
from controller.panels.registry import kind_named
from controller.settings.sections import Config
from controller.setup import inventory
from shared.errors import ShoplaunchError

_TOKEN = re.compile(r"[A-Za-z0-9]{8,256}\Z")
#: No token is longer.
_TOKEN_BYTES = 4096


@dataclass(frozen=True)
class PanelOptions:
    """What the command line says of a cPanel server; `cpanel_token_file` is of a reseller's own account."""

    token_file: Path | None
    cpanel_token_file: Path | None
    ca: Path | None
    options: tuple[str, ...]

    def __bool__(self) -> bool:
        """Return whether it says anything."""
        return any(vars(self).values())


def changed(config: Config, row: Server, given: PanelOptions) -> Server:
    """Return the row with the given values. Raises config_invalid."""
    if given.token_file is not None:
        row = replace(row, token_encrypted=inventory.seal(config, read_token(given.token_file)))
    if given.ca is not None:
        row = replace(row, ca_file=certificates(given.ca))
    known = settings(row.panel, given.options, row.settings)
    if given.cpanel_token_file is not None:
        known["cpanel_token"] = inventory.seal(config, read_token(given.cpanel_token_file))
    return replace(row, settings=known)


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


def settings(panel: str, options: Iterable[str], known: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a server of that kind, with KEY=VALUE `options` over the known ones; an empty value
    removes one. Raises config_invalid."""
    found = dict(known)
    for option in options:
        key, equals, value = option.partition("=")
        if not equals:
            raise ShoplaunchError("config_invalid", f"--option {option[:40]!r} is not KEY=VALUE")
        if value:
            found[key] = value
        else:
            found.pop(key, None)
    return kind_named(panel).opening.settings(found)
