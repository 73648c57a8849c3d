"""One Apache virtual host per account, served as the account; its first line records account and domain.

Apache's module mpm_itk gives every connection its own process, which becomes the account and can never go back. By
default it does so only after `.htaccess` was read, with rights to read every file; a condition in it would be evaluated
with those rights. So the first rule of each site makes a subrequest to a place where nobody can put a `.htaccess`: the
process has become the account before it reads anything of the account's.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from controller.network.failures import NetworkError
from controller.network.http_client import HttpClient, HttpRequest, Limits, Origin
from controller.panels.local import blocks, commands, config_files
from controller.panels.local.accounts import SystemAccount
from controller.panels.local.settings import LocalSettings
from shared.errors import ShoplaunchError

DOMAIN = re.compile(r"(?=.{4,253}\Z)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\Z")
REQUIRED_MODULES = frozenset(
    f"{name}_module"
    for name in (
        "alias",
        "rewrite",
        "headers",
        "expires",
        "proxy",
        "proxy_fcgi",
        "dir",
        "mime",
        "authz_core",
        "setenvif",
    )
)
#: Without it all sites would be served by one user, and every account could use the others' PHP through it.
ISOLATION_MODULE = "mpm_itk_module"
#: Through these modules a `.htaccess` can affect all accounts: every site's text, or code inside of Apache's processes,
#: which hold every site's logs open.
SHARED_MODULES = frozenset(
    f"{name}_module" for name in ("info", "proxy_balancer", "php", "php5", "php7", "perl", "lua", "python")
)
#: Its output covers all accounts too, unless requests are kept out of it: for the whole server, by any site.
STATUS_MODULE = "status_module"
_STATUS = "ExtendedStatus Off"
LOG_MODE = 0o640
GONE = 410
#: Limits, as an account's own site may answer before Apache has read the new configuration.
_LIMITS = Limits(seconds=5, body_bytes=64 * 1024, is_cut=True)
_MARK = re.compile(rb"\.shoplaunch-site-([0-9a-f]{16})\$")
#: What a text of any version says of group, document root and socket.
_PLACES = re.compile(
    r"^    AssignUserID \S+ (\S+)$.*^    DocumentRoot (/.*?)$.*proxy:unix:(/.*?)\|fcgi:", re.MULTILINE | re.DOTALL
)
_FIRST_LINE = re.compile(r"# shoplaunch account=([a-z][a-z0-9_]{0,30}) domain=([a-z0-9.-]+)\n")
#: `apache -D DUMP_VHOSTS`: several hosts on an address are listed by these words, a single one next to its address.
_LISTED = re.compile(r"(?:namevhost|alias|default server)\s+(\S+)|^\S+:(?:\d+|\*)\s+(\S+)\s+\(", re.MULTILINE)

_SITE = """# shoplaunch account={user} domain={domain}
# Any .htaccess may ask for the server's status, where there is that module: with this nobody's requests are in it.
<IfModule status_module>
{status}
</IfModule>
# By what is in it mpm_itk counts the processes of each site.
<IfModule !status_module>
    ExtendedStatus On
</IfModule>
<VirtualHost *:{port}>
    # They are counted by the first 31 characters of this name, which are no other site's.
    ServerName {user}.account.invalid
    UseCanonicalName Off
    ServerAlias {domain}
{alias}    AssignUserID {user} {group}
    {limit}
    AliasMatch "^/\\.shoplaunch-identity$" "/nonexistent"
    <Location "/.shoplaunch-identity">
        Require all granted
    </Location>
    RewriteEngine On
    # By this answer is seen whether Apache has read this very text.
    RewriteRule "^/\\.shoplaunch-site-{mark}$" - [G]
    # The subrequest makes this process the account's before any .htaccess is read. It is refused where the site holds
    # as many processes as it may: then none is read.
    RewriteCond %{{IS_SUBREQ}} false
    RewriteCond /.shoplaunch-identity !-U
    RewriteRule ^ - [R=503,L]
    DocumentRoot {root}
    ErrorLog {logs}/{user}.error.log
    CustomLog {logs}/{user}.access.log common
    <Directory {root}>
        AllowOverride All
        Options SymLinksIfOwnerMatch
        Require all granted
        CGIPassAuth On
    </Directory>
    DirectoryIndex index.php index.html
    # A missing file is Apache's 404 and never reaches PHP.
    <FilesMatch "\\.php$">
        <If "-f %{{REQUEST_FILENAME}}">
            SetHandler "proxy:unix:{socket}|fcgi://localhost/"
        </If>
    </FilesMatch>
    # Other endings of PHP source are neither run nor shown.
    <FilesMatch "\\.(phar|phtml|phps|php[0-9])$">
        Require all denied
    </FilesMatch>
    ProxyTimeout 310
</VirtualHost>
"""


@dataclass(frozen=True)
class VirtualHost:
    """A virtual host written by this panel, and the mark that identifies its text; empty in a text without one."""

    user: str
    host: str
    mark: str


class Sites:
    """The virtual hosts written by this panel."""

    def __init__(self, settings: LocalSettings, reserved: str = "") -> None:
        """`reserved` is a host name that no account gets."""
        self._settings = settings
        self._reserved = reserved

    def all(self) -> Iterator[VirtualHost]:
        """Yield the virtual host of each account."""
        for part in self._service().parts().values():
            site = _site(part)
            if site is not None:
                yield site

    def of(self, user: str) -> VirtualHost | None:
        """Return the account's site, None when it has none."""
        part = self._service().parts().get(user)
        return None if part is None else _site(part)

    def check_host(self, user: str, host: str) -> None:
        """Raise domain_invalid for an invalid host name, name_taken when another site answers to it, or the controller
        itself, perhaps at another port: its visitors, and authorities of certificates, would meet the account."""
        if not DOMAIN.match(host):
            raise ShoplaunchError("domain_invalid", f"not a host name: {host[:80]!r}")
        own = self.of(user)
        if own is not None and own.host != host:
            raise ShoplaunchError("name_taken", f"the account {user} already serves {own.host}")
        names = {host, *_aliases(host)}
        if own is None and self._reserved in names:
            raise ShoplaunchError("name_taken", f"{self._reserved} is the controller's own name")
        if own is None and self._listed() & names:
            raise ShoplaunchError("name_taken", f"another site of the server answers to {host}")

    def _listed(self) -> set[str]:
        """Return every host name in Apache's configuration of the port, including foreign ones."""
        output = commands.run([*self._settings.apache, "-t", "-D", "DUMP_VHOSTS"]).decode("utf-8", "replace")
        return {(several or single).lower() for several, single in _LISTED.findall(output)}

    def ensure(self, account: SystemAccount, host: str, socket: str) -> None:
        """Make Apache serve `host` from the account's document root, PHP through `socket`."""
        content, mark = self._content(account, host, socket)
        with config_files.exclusive(self._settings.state_folder, "apache"):
            self.check_host(account.user, host)
            for log in self._logs(account.user):
                _make_log(log)
            self._renew()
            config_files.ensure(
                self._service(), account.user, content.encode("utf-8"), lambda: self._answer(host, mark) == GONE
            )

    def without_limit(self) -> list[str]:
        """Return the accounts whose sites may hold as many of Apache's processes as there are."""
        return sorted(user for user, part in self._service().parts().items() if self._renewed(part) != part)

    def _renew(self) -> None:
        """Write anew the sites of all accounts that earlier versions or settings have left without the limit."""
        service = self._service()
        found = service.parts()
        renewed = {user: self._renewed(part) for user, part in found.items()}
        if renewed != found:
            config_files.replace(service, renewed, lambda: True)

    def _renewed(self, part: bytes) -> bytes:
        """Return `part`, the site of any account, with the limit of its processes."""
        text = part.decode("utf-8")
        site, places = _site(part), _PLACES.search(text)
        if site is None or places is None or f"    {_limit(self._settings)}\n" in text:
            return part
        group, root, socket = places.groups()
        return self._text(site.user, site.host, group=group, root=root, socket=socket)[0].encode("utf-8")

    def remove(self, user: str) -> None:
        """Remove the account's site and its logs."""
        with config_files.exclusive(self._settings.state_folder, "apache"):
            site = self.of(user)
            config_files.remove(
                self._service(),
                user,
                lambda: site is None or self._answer(site.host, site.mark) not in (None, GONE),
            )
        for kind in ("error", "access"):
            for path in Path(self._settings.apache_logs).glob(f"{user}.{kind}.log*"):
                path.unlink()

    def _answer(self, host: str, mark: str) -> int | None:
        """Return Apache's status for the site's `mark`: GONE once it has loaded that text. None: no answer."""
        settings = self._settings
        client = HttpClient(Origin(settings.http_ip, settings.http_port))
        request = HttpRequest("GET", f"/.shoplaunch-site-{mark}", {"Host": host})
        try:
            return client.ask(request, _LIMITS).status
        except NetworkError:
            # Apache may cut connections while it reloads.
            return None

    def _service(self) -> config_files.Service:
        settings = self._settings
        aside = Path(settings.state_folder) / "apache-candidate.conf"
        test = [*settings.apache, "-t"]
        return config_files.Service(
            name="Apache",
            path=Path(settings.apache_sites) / blocks.FILE_NAME,
            comment="#",
            test=test,
            reload=settings.apache_reload,
            aside=aside,
            test_aside=[*test, "-c", f"Include {aside}"],
        )

    def _logs(self, user: str) -> list[Path]:
        return [Path(self._settings.apache_logs) / f"{user}.{kind}.log" for kind in ("error", "access")]

    def _content(self, account: SystemAccount, host: str, socket: str) -> tuple[str, str]:
        """Return the site's text and its mark."""
        root = f"{account.home}/{self._settings.document_root}"
        return self._text(account.user, host, group=account.group, root=root, socket=socket)

    def _text(self, user: str, host: str, **places: str) -> tuple[str, str]:
        settings = self._settings
        values = {
            "user": user,
            "status": _STATUS,
            "limit": _limit(settings),
            "domain": host,
            "alias": "".join(f"    ServerAlias {name}\n" for name in _aliases(host)),
            "port": settings.http_port,
            "logs": settings.apache_logs,
            **places,
        }
        mark = hashlib.sha256(_SITE.format(**values, mark="").encode("utf-8")).hexdigest()[:16]
        return _SITE.format(**values, mark=mark), mark


def hides_requests(path: Path) -> bool:
    """Return whether the sites in the file `path` keep requests out of the server's status; true without any sites."""
    content = config_files.read(path)
    return content is None or f"\n{_STATUS}\n".encode("ascii") in content


def _limit(settings: LocalSettings) -> str:
    return f"MaxClientsVHost {settings.apache_slots}"


def _make_log(path: Path) -> None:
    """Create the log, closed to all accounts: their Apache processes hold every site's logs open, by name in /proc."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, LOG_MODE)
    except OSError as error:
        raise ShoplaunchError("panel_refused", f"{path} cannot be opened: {error.strerror}") from None
    try:
        os.fchmod(descriptor, LOG_MODE)
    finally:
        os.close(descriptor)


def _aliases(host: str) -> tuple[str, ...]:
    return () if host.startswith("www.") else (f"www.{host}",)


def _site(part: bytes) -> VirtualHost | None:
    found, mark = _FIRST_LINE.match(part.decode("utf-8", "replace")), _MARK.search(part)
    if found is None:
        return None
    return VirtualHost(user=found.group(1), host=found.group(2), mark=mark.group(1).decode() if mark else "")
