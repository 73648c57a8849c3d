"""Reads the definitions of wp-config.php in its source without running it, and writes it as a template."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from controller.recipes.base import Secret
from controller.recipes.php import literal
from controller.recipes.php.definitions import TABLE_PREFIX, Definition, definitions, redefined
from controller.recipes.php.folding import folded
from controller.recipes.php.guard import with_guard
from controller.recipes.php.shown_errors import without_shown_errors
from controller.recipes.secrets import parts
from controller.recipes.secrets.parts import Held
from controller.recipes.tree import template_files
from controller.recipes.wordpress import living
from shared.errors import ShoplaunchError
from shared.placeholders import token

CONFIG = "wp-config.php"
#: The keys of cookies and nonces, as wp-config.php has them.
SALTS = (
    "AUTH_KEY", "SECURE_AUTH_KEY", "LOGGED_IN_KEY", "NONCE_KEY", "AUTH_SALT", "SECURE_AUTH_SALT", "LOGGED_IN_SALT",
    "NONCE_SALT",
)  # fmt: skip
_SALT_LENGTH = 64
SAMPLE = "wp-config-sample.php"
#: The sample of each release in English.
_SAMPLE_VALUES = {
    "DB_NAME": "database_name_here", "DB_USER": "username_here", "DB_PASSWORD": "password_here", "DB_HOST": "localhost",
    **dict.fromkeys(SALTS, "put your unique phrase here"),
}  # fmt: skip
#: Where there is no such sample: in another language its words look like access to a database.
_PLAIN = b"""<?php
define( 'DB_NAME', '' );
define( 'DB_USER', '' );
define( 'DB_PASSWORD', '' );
define( 'DB_HOST', '' );
define( 'DB_CHARSET', '' );
define( 'DB_COLLATE', '' );
$table_prefix = '';
define( 'WP_DEBUG', false );
if ( ! defined( 'ABSPATH' ) ) {
	define( 'ABSPATH', dirname( __FILE__ ) . '/' );
}
require_once ABSPATH . 'wp-settings.php';
"""
#: Separates the sites on one cache server.
_CACHE_SALT = "WP_CACHE_KEY_SALT"
ACCESS = "DB_PASSWORD"
_DATABASE = {"DB_NAME": "db.name", "DB_USER": "db.user", ACCESS: "db.password", "DB_HOST": "db.address"}
#: The site's address, where the file overrides the options.
ADDRESSES = ("WP_HOME", "WP_SITEURL")
#: Fixed values of a new site, whatever the template had: it answers over http, under its own name.
_FIXED = {"FORCE_SSL_ADMIN": b"false", "FORCE_SSL_LOGIN": b"false", "COOKIE_DOMAIN": b"''"}
#: The cookies' path, if the file sets it: it is derived from the site's own.
_PATHS = {"COOKIEPATH": b"", "SITECOOKIEPATH": b"", "ADMIN_COOKIE_PATH": b"wp-admin"}
#: Where these are defined, uploads are in a folder of their own.
MOVED_UPLOADS = ("UPLOADS", "WP_CONTENT_DIR")
#: An included file that defines one of these is a part of the configuration.
_FOLLOWED = (*_DATABASE, *SALTS, *ADDRESSES, TABLE_PREFIX, "MULTISITE")


@dataclass(frozen=True)
class Configuration:
    """The content of wp-config.php."""

    source: bytes = field(repr=False)
    definitions: Sequence[Definition] = field(repr=False)
    #: The prefix of the tables, if the file states another.
    other_prefix: str = ""
    #: Whether it is made for a site that has none: access and salts are a sample's.
    is_new: bool = False
    #: Files of the tree that it included and holds now.
    taken: Sequence[str] = ()
    #: Includes that were not followed, in words.
    unfollowed: Sequence[str] = ()

    @property
    def prefix(self) -> str:
        """The prefix of the tables' names."""
        return self.other_prefix or self.text(TABLE_PREFIX)

    @property
    def configured_prefix(self) -> str | None:
        """The prefix, None where the file does not say it."""
        return None if _unsaid(self, TABLE_PREFIX) else self.prefix

    def with_prefix(self, prefix: str) -> Configuration:
        """Return a copy with another prefix of the tables' names."""
        return replace(self, other_prefix=prefix)

    def text(self, name: str) -> str:
        """Return a constant as text, of the environment's its default; "" when it is missing, no text or unknown."""
        if self.is_new and name in (*_DATABASE, *SALTS):
            return ""
        value = next((one.written for one in self.definitions if one.name == name), None)
        return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else ""

    def is_on(self, name: str) -> bool:
        """Return whether a constant is defined and counts as true; one that would have to be run does."""
        return any(one.name == name and one.value not in (False, 0, b"", b"0") for one in self.definitions)

    def has(self, name: str) -> bool:
        """Return whether a constant is defined."""
        return any(one.name == name for one in self.definitions)

    def secrets(self) -> list[Secret]:
        """Return the eight salts, which every new site has, and the cache's if the template has one."""
        names = [*SALTS, *([_CACHE_SALT] if self.has(_CACHE_SALT) else [])]
        return [Secret(_secret_name(name), "alnum", _SALT_LENGTH) for name in names]

    def secret_values(self) -> dict[str, bytes]:
        """Return label -> the template's own salts and the database's password."""
        names = sorted({*SALTS, _CACHE_SALT, ACCESS})
        found = {name: self.text(name).encode("utf-8", "surrogateescape") for name in names}
        return {name: value for name, value in found.items() if value and value != b"put your unique phrase here"}

    def more_secrets(self) -> list[tuple[str, list[Held]]]:
        """Return (constant, secrets in it) for constants unknown to WordPress."""
        found = [(one.name, parts.secrets_in(one.name, one.written)) for one in self._others()]
        return [(name, held) for name, held in found if held]

    def _others(self) -> list[Definition]:
        known = {*SALTS, _CACHE_SALT, *_DATABASE, *ADDRESSES, *_PATHS, *_FIXED, TABLE_PREFIX}
        return [one for one in self.definitions if isinstance(one.written, bytes) and one.name not in known]

    def template(self, nonce: str) -> bytes:
        """Return the file with a placeholder for every value of the account."""
        filled = redefined(self.source, CONFIG, lambda one: self._value(one, nonce))
        missing = [name for name in SALTS if not self.has(name)]
        added = [b"define( '%b', %b );" % (name.encode(), _quoted(nonce, _secret_name(name))) for name in missing]
        return with_guard(without_shown_errors(filled), *added)

    def _value(self, one: Definition, nonce: str) -> bytes | None:
        """Return the replacement of a definition's value, None where it stays."""
        if one.name in _DATABASE:
            return _quoted(nonce, _DATABASE[one.name])
        if one.name in (*SALTS, _CACHE_SALT):
            return _quoted(nonce, _secret_name(one.name))
        if one.name in ADDRESSES:
            return address(nonce, "http", "domain")
        if one.name in _PATHS and isinstance(one.value, bytes):
            return _quoted(nonce, "base_uri")[:-1] + _PATHS[one.name] + b"'"
        if one.name == TABLE_PREFIX and (self.other_prefix or one.of_environment):
            return literal.write(self.prefix.encode("utf-8"))
        if one.name in _FIXED:
            return _FIXED[one.name]
        lively = living.constant(one)
        if lively is not None:
            return lively
        if one.name == TABLE_PREFIX or not isinstance(one.written, bytes):
            return None
        emptied = parts.taken_out(one.name, one.written)[0]
        return None if emptied is one.written else literal.write(emptied)


def address(nonce: str, scheme: str, host: str) -> bytes:
    """Return the site's address as it stands in the file; `host` is the name of its value."""
    named, below = (token(nonce, name, "php") for name in (host, "base_path"))
    return b"'%b://%b%b'" % (scheme.encode("ascii"), named, below)


def _is_above(root: Path) -> bool:
    return (root / ".." / CONFIG).is_file()


def read(root: Path) -> Configuration | None:
    """Return the configuration of the site at `root`, None without one.

    Raises ShoplaunchError `config_unreadable`, `multisite`.
    """
    try:
        source = template_files.read(root / CONFIG)
    except FileNotFoundError:
        if _is_above(root):
            message = f"there is no {CONFIG} (it is one folder above: move it next to wp-load.php)"
            raise ShoplaunchError("config_unreadable", message) from None
        return None
    except OSError as problem:
        raise ShoplaunchError("config_unreadable", f"{CONFIG}: {problem.strerror}") from None
    if literal.is_blank(source):
        return None
    whole = folded(root, CONFIG, source, _FOLLOWED)
    found = Configuration(
        whole.source, list(definitions(whole.source, CONFIG)), taken=whole.taken, unfollowed=whole.unfollowed
    )
    if found.is_on("MULTISITE"):
        raise ShoplaunchError("multisite", f"{CONFIG} defines MULTISITE")
    for name in (*_DATABASE, TABLE_PREFIX):
        _require_one(found, name)
    if found.configured_prefix is not None:
        require_prefix(found.prefix)
    return found


def as_installed(root: Path, prefix: str, charset: bytes) -> Configuration:
    """Return the configuration that WordPress's installer makes of the sample in its tree, for the tables' prefix.

    `charset` is what tables and connection use. Raises ShoplaunchError `config_unreadable`.
    """
    require_prefix(prefix)
    try:
        sample = template_files.read(root / SAMPLE)
    except OSError:
        sample = b""
    if not _is_released(sample):
        sample = _PLAIN
    source = redefined(sample, CONFIG, lambda one: b"'%b'" % charset if one.name == "DB_CHARSET" else None)
    return Configuration(source, list(definitions(source, CONFIG)), prefix, is_new=True)


def _is_released(sample: bytes) -> bool:
    """Return whether nobody has written anything of a site's own into the sample."""
    found = Configuration(sample, list(definitions(sample, SAMPLE)))
    named = {one.name for one in found.definitions}
    return {*_DATABASE, *SALTS, TABLE_PREFIX} <= named and all(
        found.text(name) == value for name, value in _SAMPLE_VALUES.items()
    )


def require_prefix(prefix: str) -> None:
    """Raise ShoplaunchError `config_unreadable` unless WordPress takes the tables' prefix."""
    if not re.fullmatch(r"[A-Za-z0-9_]+", prefix):
        raise ShoplaunchError("config_unreadable", f"{CONFIG}: {prefix!r} is no prefix of tables")


def _require_one(found: Configuration, name: str) -> None:
    values = [one for one in found.definitions if one.name == name]
    if not values:
        unfollowed = ", ".join(found.unfollowed)
        more = f"; {unfollowed}: write what it defines into {CONFIG}" if unfollowed else ""
        raise ShoplaunchError("config_unreadable", f"{CONFIG} does not say {name}{more}")
    for one in values:
        if isinstance(one.written, dict) or not (one.of_environment or isinstance(one.value, bytes)):
            line = found.source.count(b"\n", 0, one.start) + 1
            place = f"{CONFIG} line {line}" if not found.taken else f"{CONFIG} with {', '.join(found.taken)}"
            message = f"{place}: {name} would have to be run to know it; write the value itself there"
            raise ShoplaunchError("config_unreadable", message)
    if len({one.written for one in values}) > 1:
        among = "".join(f" (with {one}, which it includes)" for one in found.taken[:1])
        raise ShoplaunchError("config_unreadable", f"{CONFIG}{among} says {name} twice, and not the same")


def _unsaid(found: Configuration, name: str) -> bool:
    """Return whether only the environment gives `name`."""
    return any(one.name == name and one.of_environment and one.default is None for one in found.definitions)


def _secret_name(constant: str) -> str:
    return "secret." + constant.lower()


def _quoted(nonce: str, name: str) -> bytes:
    filled: bytes = token(nonce, name, "php")
    return b"'" + filled + b"'"
