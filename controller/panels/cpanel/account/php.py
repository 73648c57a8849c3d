"""The PHP version of an account's virtual host, through UAPI's LangPHP."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from controller.panels.cpanel.account_cache import AccountCache
from controller.panels.cpanel.api.answers import listed, rows
from controller.panels.cpanel.api.whm import Whm
from controller.panels.cpanel.operations import Operation, Reasons
from shared.errors import ShoplaunchError

FEATURE = "multiphp"
_PACKAGE = re.compile(r"(?:ea|alt)-php(\d)(\d+)\Z")
#: Extensions that cPanel's PHP packages may have; the panel does not report which of them a server has installed.
EXTENSIONS = frozenset((
    "bcmath", "bz2", "calendar", "core", "ctype", "curl", "date", "dba", "dom", "enchant", "exif", "ffi",
    "fileinfo", "filter", "ftp", "gd", "gettext", "gmp", "gnupg", "hash", "iconv", "imagick", "imap", "inotify",
    "intl", "ioncube", "json", "ldap", "libxml", "mailparse", "mbstring", "mcrypt", "memcache", "memcached",
    "mongodb", "mysqli", "mysqlnd", "odbc", "opcache", "openssl", "pcntl", "pcre", "pdo", "pdo_mysql",
    "pdo_odbc", "pdo_pgsql", "pdo_sqlite", "pgsql", "phar", "posix", "pspell", "random", "readline", "redis",
    "reflection", "session", "shmop", "simplexml", "snmp", "soap", "sockets", "sodium", "solr",
    "sourceguardian", "spl", "sqlite3", "ssh2", "standard", "sysvmsg", "sysvsem", "sysvshm", "tidy",
    "timezonedb", "tokenizer", "uploadprogress", "uuid", "xml", "xmlreader", "xmlrpc", "xmlwriter", "xsl",
    "yaml", "zip", "zlib", "zmq",
))  # fmt: skip


class Php:
    """PHP of the virtual host `host` of the account `user`."""

    def __init__(self, whm: Whm, cache: AccountCache, reasons: Reasons, user: str, host: str) -> None:
        self._whm = whm
        self._cache = cache
        self._why = reasons.of("the choice of PHP", FEATURE)
        self._user = user
        self._host = host

    def ensure(self, minimum: str, maximum: str | None, extensions: Sequence[str]) -> str:
        """Ensure that a PHP in the range serves the virtual host; return its version ("8.1").

        The current one stays when it fits. Raises panel_refused when there is none, feature_missing, account_*.
        """
        unknown = sorted(set(extensions) - EXTENSIONS)
        if unknown:
            raise ShoplaunchError("panel_refused", f"cPanel's PHP has no extension {', '.join(unknown)}")
        current = self.current()
        if current is not None and _fits(current, minimum, maximum):
            return _version(current)
        package = self._choose(minimum, maximum)
        operation = self._set(package)
        if not (operation.said_done and self._cache.sharing) and self.current() != package:
            raise operation.silence or self._why(operation.answer.text)
        return _version(package)

    def ensure_block(self, htaccess: Callable[[], bytes]) -> None:
        """Ensure that `htaccess` holds cPanel's block for a chosen PHP; none is needed for the server's default.

        A server that writes no block is not harmed by setting the same version once more.
        """
        row = self._row()
        source = row.get("phpversion_source")
        if not isinstance(source, dict) or source.get("domain") != self._host:
            return
        package = str(row["version"])
        if re.search(rb"x-httpd-%b(?![0-9])" % package.encode("ascii"), htaccess()) is None:
            self._set(package)

    def current(self) -> str | None:
        """Return the package ("ea-php81") that serves the virtual host, None when its name has no known form."""
        found = self._row().get("version")
        return None if found is None else str(found)

    def _row(self) -> dict[str, object]:
        """Return the virtual host's row, {} when its PHP has no known form."""
        answer = self._cache.see("vhosts")
        if not answer.ok:
            raise self._why(answer.text)
        for row in rows(answer.data, "vhosts", "versions"):
            if row.get("vhost") == self._host and _PACKAGE.match(str(row.get("version"))):
                return row
        return {}

    def _set(self, package: str) -> Operation:
        operation = Operation(
            lambda: self._whm.uapi(self._user, "LangPHP", "php_set_vhost_versions", version=package, vhost=self._host)
        )
        self._cache.forget("vhosts")
        return operation

    def installed(self) -> list[str]:
        """Return the packages the server offers, newest first."""
        answer = self._cache.see("installed_php")
        if not answer.ok:
            raise self._why(answer.text)
        found = answer.data.get("versions") if isinstance(answer.data, dict) else answer.data
        names = [str(one) for one in listed(found) if _PACKAGE.match(str(one))]
        return sorted(names, key=_number, reverse=True)

    def _choose(self, minimum: str, maximum: str | None) -> str:
        offered = self.installed()
        for package in offered:
            if _fits(package, minimum, maximum):
                return package
        span = f"{minimum} to {maximum}" if maximum else f"{minimum} or newer"
        words = ", ".join(_version(one) for one in offered) or "none"
        raise ShoplaunchError("panel_refused", f"the shop needs PHP {span}; the server offers {words}")


def _number(package: str) -> tuple[int, int]:
    found = _PACKAGE.match(package)
    assert found is not None
    return int(found.group(1)), int(found.group(2))


def _version(package: str) -> str:
    return ".".join(map(str, _number(package)))


def _fits(package: str, minimum: str, maximum: str | None) -> bool:
    number = _number(package)
    return _asked(minimum) <= number and (maximum is None or number <= _asked(maximum))


def _asked(version: str) -> tuple[int, int]:
    """Return "8.1" or "8.1.2" as (8, 1)."""
    first, _, rest = version.partition(".")
    return int(first), int(rest.split(".")[0] or 0)
