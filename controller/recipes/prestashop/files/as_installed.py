"""Makes the configuration that PrestaShop's own installer writes, for a tree that lacks it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from controller.recipes.prestashop.database.installation import Installation
from controller.recipes.prestashop.files import config, defines, yaml_parameters

#: The parameters of every release, in the order of its sample. None is for the account's own values.
_PARAMETERS: Mapping[str, Any] = {
    "database_host": None, "database_port": None, "database_name": None, "database_user": None,
    "database_password": None, "database_prefix": None, "database_engine": None,
    "mailer_transport": b"smtp", "mailer_host": b"127.0.0.1", "mailer_user": None, "mailer_password": None,
    "secret": None, "ps_caching": b"CacheMemcache", "ps_cache_enable": False, "ps_creation_date": None,
    "locale": None, "cookie_key": None, "cookie_iv": None, "use_debug_toolbar": True, "new_cookie_key": None,
}  # fmt: skip
#: Since the back office has an interface for programs.
_KEYS_OF_API = (8, 1), ("api_public_key", "api_private_key")
_ACCOUNT = frozenset(name for name, value in _PARAMETERS.items() if value is None)
#: Other files in the root: file, first and last version (without) that has it, content.
ENVIRONMENT = b".env"
_ENVIRONMENT_LINES = b"PS_FF_FRONT_CONTAINER_V2=false\nPS_TRUSTED_PROXIES=\n"
_DEPRECATED = b"config/settings.inc.php"


def parameters(root: Path, made: Installation, kept: Mapping[str, object]) -> config.Configuration:
    """Return the parameters of PrestaShop 1.7 and later; those `kept` in a parameters.yml take precedence."""
    values = dict(_PARAMETERS)
    sample = yaml_parameters.read(root / yaml_parameters.SAMPLE)
    values |= {name: value for name, value in sample.items() if name not in _ACCOUNT}
    since, keys = _KEYS_OF_API
    if _numbers(made.version) >= since:
        values |= dict.fromkeys(keys)
    values |= {
        "database_engine": made.engine.encode(), "ps_creation_date": made.created.encode() or None,
        "locale": made.locale.encode(),
    }  # fmt: skip
    return config.Configuration({**values, **kept}).with_prefix(made.prefix)


def constants(made: Installation) -> defines.Defines:
    """Return the constants of PrestaShop 1.6."""
    values: dict[str, Any] = dict.fromkeys(("_DB_SERVER_", "_DB_NAME_", "_DB_USER_", "_DB_PASSWD_", "_DB_PREFIX_"))
    values |= {
        "_MYSQL_ENGINE_": made.engine.encode(), "_PS_CACHING_SYSTEM_": b"CacheMemcache", "_PS_CACHE_ENABLED_": b"0",
        "_COOKIE_KEY_": None, "_COOKIE_IV_": None, "_PS_CREATION_DATE_": made.created.encode(),
        "_PS_VERSION_": made.version.encode(),
    }  # fmt: skip
    return defines.Defines(values).with_prefix(made.prefix)


def missing_files(root: Path, version: str, stubs: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    """Return path -> content of the files that the installer writes besides the parameters, and that the tree lacks."""
    # Since 9 the settings of 1.6 have no successor
    of_release = {path: text for path, text in stubs.items() if path != _DEPRECATED or _numbers(version) < (9,)}
    return {path: text for path, text in of_release.items() if not (root / path.decode()).exists()}


def environment(root: Path, needed: tuple[str, ...]) -> dict[bytes, bytes]:
    """Return the file of environment variables without which a release that needs one of `needed` does not start."""
    if not needed or any((root / name).exists() for name in needed):
        return {}
    return {ENVIRONMENT: _ENVIRONMENT_LINES}


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
