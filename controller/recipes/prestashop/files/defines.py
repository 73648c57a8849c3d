"""Reads config/settings.inc.php of PrestaShop 1.6 without running it, and writes it anew as a template."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from controller.recipes.base import Secret
from controller.recipes.php import literal
from controller.recipes.prestashop import living
from controller.recipes.prestashop.files.settings_file import SettingsFile, content_of, require
from shared.placeholders import token

SETTINGS = "config/settings.inc.php"
#: Constants by the names of the same parameters in later series.
_NAMES = {
    "database_host": "_DB_SERVER_", "database_name": "_DB_NAME_", "database_user": "_DB_USER_",
    "database_password": "_DB_PASSWD_", "database_prefix": "_DB_PREFIX_", "cookie_key": "_COOKIE_KEY_",
    "cookie_iv": "_COOKIE_IV_", "rijndael_key": "_RIJNDAEL_KEY_", "rijndael_iv": "_RIJNDAEL_IV_",
}  # fmt: skip
#: One constant holds host and port, as the class Db splits them.
_DATABASE = {
    "_DB_SERVER_": "db.address", "_DB_NAME_": "db.name", "_DB_USER_": "db.user", "_DB_PASSWD_": "db.password",
}  # fmt: skip
#: Lengths as the installer makes them. The last is Base64 of 16 bytes: 22 characters, and two of padding.
_SECRETS = {
    "_COOKIE_KEY_": Secret("secret.cookie_key", "alnum", 56),
    "_COOKIE_IV_": Secret("secret.cookie_iv", "alnum", 8),
    "_RIJNDAEL_KEY_": Secret("secret.rijndael_key", "alnum", 32),
    "_RIJNDAEL_IV_": Secret("secret.rijndael_iv", "alnum", 22),
}
_ENDS = {"_RIJNDAEL_IV_": b"=="}
#: A new shop starts without a cache server, which may not exist there.
_CLEARED = {living.CACHE_CONSTANT: b"0", **dict.fromkeys(living.SWITCHES, False)}
_VERSION = "_PS_VERSION_"
#: What new shops have of their own, or the database says: containers take it from their environment.
_OF_ENVIRONMENT = frozenset(name.encode() for name in (*_DATABASE, *_SECRETS, _NAMES["database_prefix"]))
_KNOWN = frozenset((*_NAMES.values(), *_CLEARED, _VERSION))
_REQUIRED = ("_DB_SERVER_", "_DB_NAME_", "_DB_USER_", "_DB_PASSWD_", "_DB_PREFIX_", "_COOKIE_KEY_", "_COOKIE_IV_")


@dataclass(frozen=True)
class Defines(SettingsFile):
    """The constants as PHP sees them, strings as bytes."""

    path: ClassVar[str] = SETTINGS
    stubs: ClassVar[Mapping[bytes, bytes]] = {}
    known: ClassVar[frozenset[str]] = _KNOWN

    @property
    def configured_prefix(self) -> str | None:
        """The prefix, None where the file does not say it."""
        value = self.values.get(_NAMES["database_prefix"])
        return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else None

    def with_prefix(self, prefix: str) -> Defines:
        """Return a copy with another prefix of the tables' names."""
        return replace(self, values={**self.values, _NAMES["database_prefix"]: prefix.encode("utf-8")})

    def text(self, name: str) -> str:
        """Return a constant, named as in later series, as text; "" when it is missing."""
        value = self.values.get(_NAMES[name])
        return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else str(value or "")

    def secrets(self) -> list[Secret]:
        """Return the secrets of a shop: without the last two its cookies would be signed with a publicly known word."""
        return list(_SECRETS.values())

    def secret_values(self) -> dict[str, bytes]:
        """Return label -> the template's own secrets and the database's password."""
        names = ("cookie_key", "cookie_iv", "rijndael_key", "rijndael_iv", "database_password")
        return self._filled(names)

    def template(self, nonce: str) -> bytes:
        """Return settings.inc.php with a placeholder for every value of the account."""
        filled = _DATABASE | {name: secret.name for name, secret in _SECRETS.items()}
        emptied = self.emptied()
        lines = []
        for name in dict.fromkeys([*self.values, *_SECRETS]):
            if name in filled:
                shown = b"'" + token(nonce, filled[name], "php") + _ENDS.get(name, b"") + b"'"
            else:
                shown = literal.write(_CLEARED.get(name, emptied.get(name, self.values[name])))
            # An upgrade of the shop defines it before this line
            unless = b"if (!defined('_PS_VERSION_'))\n    " if name == _VERSION else b""
            lines.append(b"%sdefine(%s, %s);\n" % (unless, literal.write(name.encode("utf-8")), shown))
        return b"<?php\n" + b"".join(lines)


def read(root: Path) -> Defines | None:
    """Return the configuration of the shop at `root`, None without one. Raises ShoplaunchError `config_unreadable`."""
    data = content_of(root, SETTINGS)
    if data is None:
        return None
    values = {} if literal.is_blank(data) else literal.read_defines(data, SETTINGS, _OF_ENVIRONMENT)
    if not values:
        return None
    require(values, _REQUIRED, SETTINGS)
    return Defines(values)
