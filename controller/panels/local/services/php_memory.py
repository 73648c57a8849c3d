"""What all pools of a PHP-FPM share in memory: nothing of any account may be in it.

A request to a pool may carry any setting (PHP_ADMIN_VALUE), also those with which opcache keeps one account from the
compiled scripts of another, passwords included; and an account's own processes may connect to its pool. APCu has no
such setting at all.
"""

from __future__ import annotations

import re
import time
from functools import lru_cache

from controller.panels.local import php_versions
from controller.panels.local.php_versions import PhpFpm

#: Functions that put anything into APCu's memory or read it; a name that PHP does not know is passed over.
APCU = (
    "apcu_add", "apcu_cache_info", "apcu_cas", "apcu_clear_cache", "apcu_dec", "apcu_delete", "apcu_entry",
    "apcu_exists", "apcu_fetch", "apcu_inc", "apcu_key_info", "apcu_sma_info", "apcu_store",
)  # fmt: skip
_APCU_LINE = f"php_admin_value[disable_functions] = {','.join(APCU)}\n"
_OFF = "php_admin_flag[opcache.enable] = off\n"
#: Only PHP's own folder in the account: opcache removes nothing there, and no other account may write to it.
_IN_FILES = "php_admin_value[opcache.file_cache] = {home}/.php\n"
_OURS = ("php_admin_value[disable_functions]", "php_admin_flag[opcache.enable]", "php_admin_value[opcache.file_cache]")
_HOME = re.compile(r"^env\[HOME\] = (/.*)$", re.MULTILINE)
_OPCACHE = re.compile(r"^opcache\.enable => ", re.MULTILINE)
_FILES_ONLY = re.compile(r"^opcache\.file_cache_only => (?:On|1) ", re.MULTILINE)
#: How long PHP's answer about its settings counts.
_KNOWN_SECONDS = 60


def shares_scripts(php: PhpFpm) -> bool:
    """Return whether `php` would keep compiled scripts in memory that is one for all pools."""
    text = _settings(php)
    return _OPCACHE.search(text) is not None and _FILES_ONLY.search(text) is None


def lines(php: PhpFpm, home: str) -> str:
    """Return the settings that keep what is an account's, with its `home`, out of the memory of all."""
    if shares_scripts(php):
        return _APCU_LINE + _OFF
    return _APCU_LINE + (_IN_FILES.format(home=home) if _OPCACHE.search(_settings(php)) else "")


def closed(php: PhpFpm, part: bytes) -> bytes:
    """Return `part`, the pool of any account, with the settings of `lines`; earlier versions wrote others."""
    text = part.decode("utf-8")
    home = _HOME.search(text)
    if home is None:
        return part
    kept = [line for line in text.splitlines(keepends=True) if line.partition(" = ")[0] not in _OURS]
    return ("".join(kept) + lines(php, home[1])).encode("utf-8")


def _settings(php: PhpFpm) -> str:
    return _asked(php, int(time.monotonic() / _KNOWN_SECONDS))


@lru_cache(maxsize=64)
def _asked(php: PhpFpm, _minute: int) -> str:
    return php_versions.settings_of(php)
