"""Accounts of the server: find, create, remove; DomainInfo names their homes and document roots."""

from __future__ import annotations

import re
import secrets
import string
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from ipaddress import ip_address

from controller.account import Account
from controller.panels.cpanel import operations
from controller.panels.cpanel.account_cache import AccountCache, side_by_side
from controller.panels.cpanel.api import privileges
from controller.panels.cpanel.api.answers import is_on, listed, rows
from controller.panels.cpanel.api.whm import LONG_SECONDS, Whm
from controller.panels.cpanel.operations import Operation, Reasons
from controller.panels.cpanel.settings import DOMAIN, CpanelSettings
from shared.errors import ShoplaunchError

USER = re.compile(r"[a-z][a-z0-9_]{0,30}\Z")
#: Names of the system and of cPanel itself: never a hosting account.
SYSTEM = frozenset((
    "root", "nobody", "mysql", "mysqld", "daemon", "bin", "sys", "sync", "adm", "lp", "mail", "mailnull",
    "mailman", "news", "uucp", "proxy", "apache", "nginx", "cpanel", "cpanelphppgadmin", "cpanelphpmyadmin",
    "cpanelroundcube", "cpanelconnecttrack", "cpanellogin", "cpaneleximfilter", "cpaneleximscanner", "cpses",
    "cpanelanalytics", "cpanelcabcache", "cpaneldemo", "cpanelrrdtool", "dovecot", "dovenull", "exim", "ftp",
    "named", "operator", "games", "polkitd", "postgres", "sshd", "systemd", "tomcat", "virtfs", "system", "all",
    "dirs",
))  # fmt: skip
#: No domain has more.
MAX_NAME_SERVERS = 13
#: The queries of the steps up to the cron line, besides summary and domain; the crontab cannot be batched with them.
FIRST_QUERIES = ("restrictions", "databases", "users", "server", "vhosts", "installed_php", "folder", "stamp")
#: A busy server may show a new account only this many seconds after reporting it as created.
LATE_SECONDS = 120.0
PAUSE_SECONDS = 2.0
#: Metadata addresses of clouds, which give a machine its secrets, besides link-local ones.
_CLOUDS = frozenset((ip_address("100.100.100.200"), ip_address("fd00:ec2::254")))
_CLASSES = (string.ascii_lowercase, string.ascii_uppercase, string.digits, "-_.+")


class Accounts:
    """The accounts that the token can see."""

    def __init__(self, whm: Whm, settings: CpanelSettings, cache_of: Callable[[str], AccountCache]) -> None:
        self._whm = whm
        self._settings = settings
        self._cache_of = cache_of

    def find(self, user: str) -> Account | None:
        """Return the account with its main domain. Raises account_invalid, account_foreign."""
        check_name(user)
        cache = self._cache_of(user)
        found = _summary(cache)
        if found is None:
            return None
        return self._account(user, str(found.get("domain") or ""))

    def see_first(self, user: str, host: str) -> None:
        """Make the queries of a job's steps about the account in one round."""
        _check(user, host)
        self._cache_of(user).see_all("summary", f"domain {host}", *FIRST_QUERIES)

    def ensure(self, user: str, host: str, email: str, create: bool) -> Account:
        """Return the account that serves `host`."""
        _check(user, host)
        cache = self._cache_of(user)
        summary, home = side_by_side([lambda: cache.see("summary"), lambda: cache.domain(host)])
        named: tuple[str, ...] = ()
        if not rows(summary.data, "acct") and not home.ok:
            if not create:
                words = f"looking for {user}: {summary.text}"
                raise Reasons(self._whm, cache, user, host).gone(words)
            named = self._create(user, host, email)
        found = _summary(cache)
        if found is not None and is_on(found.get("suspended")):
            raise operations.suspended(user, found)
        return replace(self._account(user, host), name_servers=named)

    def all(self) -> list[Account]:
        """Return every account that the token can see, by name, except those without a reported location."""
        answer = self._whm.call("listaccts", read_only=True)
        if not answer.ok:
            raise ShoplaunchError("panel_refused", f"the list of accounts: {answer.text}")
        known = [(str(one.get("user") or ""), str(one.get("domain") or "")) for one in rows(answer.data, "acct")]
        usable = sorted(one for one in known if USER.match(one[0]) and one[0] not in SYSTEM)
        found = side_by_side([lambda one=one: self._usable(*one) for one in usable])  # type: ignore[misc]
        return [account for account in found if account is not None]

    def _usable(self, user: str, host: str) -> Account | None:
        """Return the account; None for one being removed or served wrongly, which is no reason to fail for all."""
        try:
            return self._account(user, host)
        except ShoplaunchError as error:
            if error.code not in ("account_missing", "account_foreign", "domain_foreign", "docroot_missing"):
                raise
            return None

    def remove(self, account: Account) -> None:
        """Remove the account if it exists. Raises panel_refused, RemovalUnanswered."""
        cache = self._cache_of(account.user)
        cache.forget_all()
        if _summary(cache) is None:
            return
        operation = Operation(lambda: self._whm.call("removeacct", seconds=LONG_SECONDS, username=account.user))
        if operation.removed(lambda: _summary(cache)) is not None:
            words = f"removing the account {account.user}: {operation.answer.text}"
            raise operation.silence or ShoplaunchError("panel_refused", words)

    def name_servers(self, account: Account) -> list[str]:
        """Return the name servers of the account's host: the configured ones, those reported at its creation, else
        those of the login; [] where the panel reports none."""
        reported = self._settings.name_server_list() or list(account.name_servers)
        if reported:
            return reported
        answer = self._whm.call("get_nameserver_config", read_only=True)
        found = answer.data.get("nameservers") if answer.ok and isinstance(answer.data, dict) else None
        return _host_names(found) if isinstance(found, list) else []

    def _create(self, user: str, host: str, email: str) -> tuple[str, ...]:
        """Create the account; return the name servers from the panel's answer."""
        cache = self._cache_of(user)
        operation = Operation(
            lambda: self._whm.call(
                "createacct", seconds=LONG_SECONDS, username=user, domain=host, password=_password(), showpass="n",
                contactemail=email or None, plan=self._settings.package or None,
            )
        )  # fmt: skip
        cache.forget_seen()
        if cache.sharing:
            self.see_first(user, host)
        if operation.said_done:
            self._await(cache)
        if _summary(cache) is not None:
            reported = operation.answer.data if isinstance(operation.answer.data, dict) else {}
            return tuple(_host_names([reported.get(f"nameserver{number}") for number in ("", "2", "3", "4")]))
        if operation.silence is not None:
            raise operation.silence
        if operation.said_done:
            words = f"the panel said that the account {user} was made and does not show it"
            raise ShoplaunchError("panel_unverified", words)
        other = self._whm.call("accountsummary", read_only=True, domain=host)
        owners = [str(one.get("user")) for one in rows(other.data, "acct")] if other.ok else []
        if owners:
            raise ShoplaunchError("name_taken", f"{host} belongs to the account {owners[0]}: {operation.answer.text}")
        raise ShoplaunchError("panel_refused", f"making the account {user}: {operation.answer.text}")

    def _await(self, cache: AccountCache) -> None:
        """Wait until the panel shows the created account, LATE_SECONDS at most."""
        end = time.monotonic() + LATE_SECONDS
        while _summary(cache) is None and time.monotonic() < end:
            # Earlier answers are about an account that did not exist yet
            cache.forget_seen()
            time.sleep(PAUSE_SECONDS)

    def _account(self, user: str, host: str) -> Account:
        cache = self._cache_of(user)
        found = place_of(cache, host)
        if found is None:
            # The message does not tell the client which account holds a foreign domain
            reasons = Reasons(self._whm, cache, user, host)
            if _summary(cache) is None:
                raise reasons.gone(f"looking for {host}")
            message = f"the account {user} does not serve {host}: {cache.domain(host).text}"
            privileges.require(self._whm, "cpanel-api", message)
            raise ShoplaunchError("domain_foreign", message)
        home, root = str(found.get("homedir") or ""), str(found.get("documentroot") or "")
        owner = str(found.get("user") or user)
        if owner != user:
            raise ShoplaunchError("account_foreign", f"{host} is served by the account {owner}, not by {user}")
        if not home.startswith("/") or not root.startswith(home.rstrip("/") + "/") or ".." in root.split("/"):
            raise ShoplaunchError("docroot_missing", f"the panel names no document root of {host} below {home or '?'}")
        return Account(user=user, home=home.rstrip("/"), document_root=root.rstrip("/"), domain=host)


def _check(user: str, host: str) -> None:
    check_name(user)
    if not DOMAIN.match(host):
        raise ShoplaunchError("domain_invalid", f"not a host name: {host[:80]!r}")


def check_name(user: str) -> None:
    """Raise account_invalid for an invalid name of an account, account_foreign for the system's."""
    if not USER.match(user):
        raise ShoplaunchError("account_invalid", f"not an account name: {user[:40]!r}")
    if user in SYSTEM or user.startswith("cpses"):
        raise ShoplaunchError("account_foreign", f"{user} is an account of the system")


def place_of(cache: AccountCache, host: str) -> dict[str, object] | None:
    """Return DomainInfo's row of `host`, None when the account does not serve it: documentroot, homedir, ip, user,
    and as servername the virtual host that serves it.

    A parked domain has no row of its own: it is served like the main domain.
    """
    answer = cache.domain(host)
    if answer.ok and isinstance(answer.data, dict) and answer.data.get("documentroot"):
        return answer.data
    every = cache.see("domains")
    if not every.ok or not isinstance(every.data, dict):
        return None
    main = every.data.get("main_domain")
    main = main if isinstance(main, dict) else {}
    others = [*listed(every.data.get("addon_domains")), *listed(every.data.get("sub_domains"))]
    for one in (main, *others):
        if isinstance(one, dict) and one.get("domain") == host:
            return {**one, "homedir": one.get("homedir") or main.get("homedir")}
    parked = [one.get("domain") if isinstance(one, dict) else one for one in listed(every.data.get("parked_domains"))]
    return dict(main) if host in parked and main else None


def reported_address(ip: object) -> str:
    """Return the IP address that a panel reports for a site, "" unless it can be another machine's.

    The controller visits shops and signs in there: no panel may direct it to itself or to its cloud's metadata service.
    """
    try:
        found = ip_address(str(ip))
    except ValueError:
        return ""
    inner = getattr(found, "ipv4_mapped", None) or found
    own = inner.is_loopback or inner.is_link_local or inner.is_multicast or inner.is_unspecified
    return "" if own or inner in _CLOUDS else str(found)


def _summary(cache: AccountCache) -> dict[str, object] | None:
    answer = cache.see("summary")
    found = rows(answer.data, "acct") if answer.ok else []
    return found[0] if found else None


def _password() -> str:
    """Return a password that satisfies every strength rule; it is not stored: the account's owner sets a new one."""
    letters = [secrets.choice(one) for one in _CLASSES for _ in range(7)]
    secrets.SystemRandom().shuffle(letters)
    return "".join(letters)


def _host_names(found: Sequence[object]) -> list[str]:
    """Return the valid host names, which are shown to clients: no more than any domain has."""
    names = (str(one).strip().rstrip(".").lower() for one in found[:MAX_NAME_SERVERS])
    return [name for name in names if DOMAIN.match(name)]
