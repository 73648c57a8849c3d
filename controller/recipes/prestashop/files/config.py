"""Reads app/config/parameters.php of PrestaShop 1.7 to 9 without running it, and writes it anew as a template."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from controller.recipes.base import Secret
from controller.recipes.php import literal
from controller.recipes.prestashop import living
from controller.recipes.prestashop.files.settings_file import SettingsFile, content_of, require
from shared.errors import ShoplaunchError
from shared.placeholders import token

PARAMETERS = "app/config/parameters.php"
#: Files that other files replace completely.
STUBS = {
    b"app/config/parameters.yml": b"parameters:\n",
    b"config/settings.inc.php": b"<?php\n//@deprecated 1.7\n",
}
_DATABASE = {
    "database_host": "db.host", "database_port": "db.port", "database_name": "db.name", "database_user": "db.user",
    "database_password": "db.password",
}  # fmt: skip
_SECRETS = (
    Secret("secret.secret", "alnum", 64),
    Secret("secret.cookie_key", "alnum", 64),
    Secret("secret.cookie_iv", "alnum", 32),
    Secret("secret.new_cookie_key", "defuse_key"),
    Secret("secret.api_private_key", "rsa_private", 2048),
    Secret("secret.api_public_key", "rsa_public", pair="secret.api_private_key"),
)
#: Credentials of services the template used; a new shop starts without them.
_CLEARED = {
    "mailer_host": b"127.0.0.1", "mailer_user": None, "mailer_password": None,
    **{name: value for name, (value, _) in living.PARAMETERS.items()},
}  # fmt: skip
#: What new shops have of their own, or the database says: containers take it from their environment.
_OF_ENVIRONMENT = frozenset(
    name.encode()
    for name in (
        *_DATABASE, "database_prefix", "mailer_host", "mailer_user", "mailer_password",
        *(one.name.removeprefix("secret.") for one in _SECRETS),
    )
)  # fmt: skip
_KNOWN = frozenset((*_DATABASE, *_CLEARED, *(one.name.removeprefix("secret.") for one in _SECRETS)))
_REQUIRED = ("database_host", "database_name", "database_user", "database_password", "database_prefix", "cookie_key")


@dataclass(frozen=True)
class Configuration(SettingsFile):
    """The parameters as PHP sees them: percent signs still doubled, strings as bytes."""

    path: ClassVar[str] = PARAMETERS
    stubs: ClassVar[Mapping[bytes, bytes]] = STUBS
    known: ClassVar[frozenset[str]] = _KNOWN

    @property
    def configured_prefix(self) -> str | None:
        """The prefix, None where the file does not say it."""
        return prefix_in(self.values)

    def with_prefix(self, prefix: str) -> Configuration:
        """Return a copy with another prefix of the tables' names."""
        return replace(self, values={**self.values, "database_prefix": prefix.encode("utf-8")})

    def text(self, name: str) -> str:
        """Return a parameter as text, percent signs halved; "" when it is missing or null."""
        value = self.values.get(name)
        if isinstance(value, bytes):
            return value.replace(b"%%", b"%").decode("utf-8", "surrogateescape")
        return "" if value is None else str(value)

    def secrets(self) -> list[Secret]:
        """Return the secrets in this configuration, in PrestaShop's formats; empty ones stay empty."""
        return [secret for secret in _SECRETS if self.values.get(_parameter(secret), b"") != b""]

    def secret_values(self) -> dict[str, bytes]:
        """Return label -> the template's own secrets and the database's password."""
        names = [_parameter(secret) for secret in self.secrets()] + ["database_password", "mailer_password"]
        return self._filled(names)

    def template(self, nonce: str) -> bytes:
        """Return parameters.php with a placeholder for every value of the account."""
        filled = _DATABASE | {_parameter(secret): secret.name for secret in self.secrets()}
        emptied = self.emptied()
        lines = []
        for name, value in self.values.items():
            if name in filled:
                shown = b"'" + token(nonce, filled[name], "symfony") + b"'"
            else:
                shown = literal.write(_CLEARED.get(name, emptied.get(name, value)))
            lines.append(b"    " + literal.write(name.encode("utf-8")) + b" => " + shown + b",\n")
        return b"<?php return array (\n  'parameters' => \n  array (\n" + b"".join(lines) + b"  ),\n);\n"


def prefix_in(values: Mapping[str, object]) -> str | None:
    """Return the tables' prefix among parameters, None where they do not say it."""
    prefix = values.get("database_prefix")
    return None if not isinstance(prefix, bytes) or b"%env(" in prefix else prefix.decode("utf-8", "surrogateescape")


def read(root: Path) -> Configuration | None:
    """Return the configuration of the shop at `root`, None without one. Raises ShoplaunchError `config_unreadable`."""
    data = content_of(root, PARAMETERS)
    if data is None:
        return None
    document = {} if literal.is_blank(data) else literal.read_returned(data, PARAMETERS, _OF_ENVIRONMENT)
    if document in ({}, {b"parameters": {}}):
        return None
    parameters = document.get(b"parameters") if isinstance(document, dict) else None
    if not isinstance(parameters, dict):
        raise ShoplaunchError("config_unreadable", f"{PARAMETERS} has no 'parameters'")
    values = {key.decode("utf-8"): value for key, value in parameters.items() if isinstance(key, bytes)}
    require(values, _REQUIRED, PARAMETERS)
    values.setdefault("database_port", b"")
    return Configuration(values)


def _parameter(secret: Secret) -> str:
    return secret.name.removeprefix("secret.")
