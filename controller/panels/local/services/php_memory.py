"""What all pools of a PHP-FPM share, in memory and in /tmp: nothing of any account may be in it.

A request to a pool may carry any setting (PHP_ADMIN_VALUE), also those with which opcache keeps one account from the
compiled scripts of another, passwords included; and an account's own processes may connect to its pool. APCu has no
such setting at all. What PHP keeps in the system's memory by number is open to all accounts unless a shop thinks of it.
The SOAP client trusts the description of a service in /tmp, also one of another account's, and sends logins to the
address in it.
"""

from __future__ import annotations

import re
import time
from functools import lru_cache

from controller.panels.local import php_versions
from controller.panels.local.php_versions import PhpFpm

#: Functions that put anything into memory of all accounts or read it; a name that PHP does not know is passed over.
SHARED = (
    "apcu_add", "apcu_cache_info", "apcu_cas", "apcu_clear_cache", "apcu_dec", "apcu_delete", "apcu_entry",
    "apcu_exists", "apcu_fetch", "apcu_inc", "apcu_key_info", "apcu_sma_info", "apcu_store",
    "apc_add", "apc_cas", "apc_dec", "apc_define_constants", "apc_fetch", "apc_inc", "apc_load_constants", "apc_store",
    "msg_get_queue", "shm_attach", "shmop_open",
)  # fmt: skip
_SHARED_LINE = f"php_admin_value[disable_functions] = {','.join(SHARED)}\n"
_OFF = "php_admin_flag[opcache.enable] = off\n"
#: Only PHP's own folder in the account: opcache removes nothing there, and no other account may write to it.
_IN_FILES = "php_admin_value[opcache.file_cache] = {home}/.php\n"
#: Settings of extensions, given where the extension is there.
_OF_EXTENSIONS = {
    "soap.wsdl_cache_dir": "php_admin_value[soap.wsdl_cache_dir] = {home}/.php/tmp\n",
    "yac.enable": "php_admin_flag[yac.enable] = off\n",
}
_OURS = (
    "php_admin_value[disable_functions]",
    "php_admin_flag[opcache.enable]",
    "php_admin_value[opcache.file_cache]",
    *(line.partition(" = ")[0] for line in _OF_EXTENSIONS.values()),
)
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
    """Return the settings that keep what is an account's, with its `home`, out of what all accounts can reach."""
    text = _settings(php)
    found = [_SHARED_LINE, *(line for name, line in _OF_EXTENSIONS.items() if f"\n{name} => " in text)]
    if _OPCACHE.search(text):
        found.append(_OFF if shares_scripts(php) else _IN_FILES)
    return "".join(found).format(home=home)


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
