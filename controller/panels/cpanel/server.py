"""One cPanel server with a login: its API, what is known about it, and the parts of an account."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from controller.account import Account
from controller.panels.base import SiteAddress
from controller.panels.cpanel.account.accounts import Accounts, check_name, place_of, reported_address
from controller.panels.cpanel.account.cron import Crontab
from controller.panels.cpanel.account.databases import Databases
from controller.panels.cpanel.account.files import Files
from controller.panels.cpanel.account.own_account import OwnAccount
from controller.panels.cpanel.account.php import Php
from controller.panels.cpanel.account.tls import AutoSsl
from controller.panels.cpanel.account_cache import AccountCache
from controller.panels.cpanel.api.call_limits import CircuitBreaker, ProcessBreaker
from controller.panels.cpanel.api.whm import Login, Whm
from controller.panels.cpanel.operations import Reasons
from controller.panels.cpanel.settings import CpanelSettings


@dataclass(frozen=True)
class Known:
    """The installation's knowledge about a server without asking it: the folder of the current launcher and agent, and
    how often cron runs by our newest line that was read back there."""

    agent: Path | None = None
    cron_seconds: Callable[[], int | None] = lambda: None
    #: The key for the names of starters; without it there are none.
    starter_key: bytes = field(default=b"", repr=False)
    #: The file of authorities that verifies sites, None for the system's.
    tls_ca: str | None = None
    #: The reason why no starter is put on the server any more, "" where one may be.
    starter_stopped: Callable[[], str] = lambda: ""


class CpanelServer:
    """One cPanel server, as root or as a reseller; the basis of the panel and of what checks, verifies and starts."""

    def __init__(
        self,
        login: Login,
        settings: CpanelSettings,
        breaker: CircuitBreaker,
        own_token: str = "",
        known: Known | None = None,
    ) -> None:
        """`own_token` is the token of the reseller's own cPanel account."""
        self.whm = Whm(login, breaker, settings.calls_in_flight)
        self.settings = settings
        self._login = login
        self._own_token = own_token
        self.known = known or Known()
        self._host = urlsplit(login.url).hostname or ""
        self._is_batching = False
        self._caches: dict[str, AccountCache] = {}
        self._files: dict[str, Files] = {}
        self.accounts = Accounts(self.whm, settings, self.cache)

    def cache(self, user: str) -> AccountCache:
        """Return the cached queries about an account."""
        cache = self._caches.setdefault(user, AccountCache(self.whm, user))
        cache.sharing = self._is_batching
        return cache

    def files(self, account: Account) -> Files:
        """Return the account's files."""
        check_name(account.user)
        made = Files(self.whm, self.cache(account.user), self.reasons(account), account.user, account.home)
        return self._files.setdefault(account.user, made)

    def reasons(self, account: Account) -> Reasons:
        """Return the explanation of the panel's refusals for the account."""
        return Reasons(self.whm, self.cache(account.user), account.user, account.domain)

    def find_account(self, user: str) -> Account | None:
        """See Panel.find_account."""
        return self.accounts.find(user)

    def databases(self, account: Account) -> Databases:
        """Return the account's databases."""
        check_name(account.user)
        return Databases(self.whm, self.cache(account.user), self.reasons(account), account.user)

    def php(self, account: Account) -> Php:
        """Return the account's choice of PHP."""
        cache = self.cache(account.user)
        # Addon and parked domains are aliases of a virtual host with another name
        host = str((place_of(cache, account.domain) or {}).get("servername") or account.domain)
        return Php(self.whm, cache, self.reasons(account), account.user, host)

    def site_address(self, account: Account) -> SiteAddress:
        """See Panel.site_address."""
        place = place_of(self.cache(account.user), account.domain) or {}
        ip = self.settings.http_ip or reported_address(place.get("ip")) or self._host
        settings = self.settings
        return SiteAddress(ip, settings.http_port, settings.https_port, settings.public_address())

    def autossl(self, account: Account) -> AutoSsl:
        """Return the account's certificates."""
        return AutoSsl(self.whm, self.reasons(account), account.user)

    def crontab(self, account: Account) -> Crontab:
        """Return the account's crontab."""
        check_name(account.user)
        minutes = self.settings.cron_minutes
        return Crontab(self.whm, self.cache(account.user), self.reasons(account), account.user, minutes)

    def own_account(self) -> OwnAccount | None:
        """Return the reseller's own cPanel account, None without a token of its own."""
        if not self._own_token:
            return None
        url = (
            self.settings.cpanel_url
            or f"https://{urlsplit(self._login.url).netloc.rpartition(':')[0]}:{OwnAccount.port}"
        )
        login = replace(self._login, url=url, token=self._own_token)
        # A refused token is not tried again by this object; accounts are served as before
        return OwnAccount(login, ProcessBreaker(), self.settings.calls_in_flight)
