"""The `local` panel: real accounts, MariaDB, crontabs, PHP-FPM and Apache of one plain machine."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import ClassVar

from controller.account import Account
from controller.panels.base import (
    Check,
    DatabaseEndpoint,
    DocumentRootRules,
    Panel,
    SiteAddress,
    SkeletonFiles,
    SkeletonStatus,
)
from controller.panels.local import agent_folder, check, commands, compiled_scripts
from controller.panels.local.accounts import PHP_FOLDER, Accounts, SystemAccount
from controller.panels.local.as_account import starting
from controller.panels.local.as_account.run import AsAccount
from controller.panels.local.crontab import Crontab, variables
from controller.panels.local.services import mariadb
from controller.panels.local.services.apache import Sites
from controller.panels.local.services.php_fpm import Pools
from controller.panels.local.settings import LocalSettings
from controller.panels.local.skeleton import Skeleton
from controller.panels.start import Started
from shared.errors import ShoplaunchError
from shared.job import BUNDLE_FILE, FOLDER, cron_command, cron_line

LOG = logging.getLogger(__name__)
#: The site's minimum PHP until `ensure_php` knows the shop's requirements.
ANY_PHP = "0.0"


class LocalPanel(Panel):
    """The machine the controller itself runs on; needs root."""

    kind: ClassVar[str] = "local"

    def __init__(self, settings: LocalSettings, own_host: str = "") -> None:
        """`own_host` is the controller's own name: no account's site answers to it."""
        self._settings = settings
        self._accounts = Accounts(settings)
        self._databases = mariadb.Databases(settings)
        self._pools = Pools(settings)
        self._sites = Sites(settings, own_host)
        self._skeleton = Skeleton(settings)

    def check(self) -> list[Check]:
        """See Panel.check."""
        return check.check_server(self._settings)

    # -- accounts -----------------------------------------------------------------------------------------------

    def find_account(self, user: str) -> Account | None:
        """See Panel.find_account; its host is empty while it has no site."""
        found = self._accounts.find(user)
        return None if found is None else self._as_account_record(found)

    def ensure_account(self, user: str, host: str, *, create: bool, email: str) -> Account:
        """See Panel.ensure_account. Raises name_taken when host or account already serve something else."""
        commands.require_root()
        self._accounts.check_name(user)
        self._sites.check_host(user, host)
        account = self._accounts.ensure(user, create=create)
        php = self._pools.current(user) or self._pools.choose(ANY_PHP, None, ())
        self._sites.ensure(account, host, self._pools.ensure(account, php))
        return self._as_account_record(account)

    def list_accounts(self) -> list[Account]:
        """See Panel.list_accounts."""
        return [self._as_account_record(account) for account in self._accounts.managed()]

    def remove_account(self, account: Account) -> None:
        """See Panel.remove_account. Raises account_foreign for accounts that this panel did not create."""
        commands.require_root()
        found = self._accounts.find(account.user)
        if found is not None and not found.is_managed:
            raise ShoplaunchError("account_foreign", f"{account.user} was not made by this panel")
        # First everything that could start new processes; the account last, as it carries the mark.
        self._sites.remove(account.user)
        self._pools.remove(account.user)
        self._databases.remove(account.user)
        if found is not None:
            Crontab(self._settings, account.user).remove_all()
            self._accounts.remove(found)

    def _as_account_record(self, account: SystemAccount) -> Account:
        site = self._sites.of(account.user)
        return Account(
            user=account.user,
            home=account.home,
            document_root=f"{account.home}/{self._settings.document_root}",
            domain=site.host if site else "",
        )

    def _find(self, account: Account) -> SystemAccount:
        commands.require_root()
        found = self._accounts.find(account.user)
        if found is None:
            raise ShoplaunchError("account_missing", f"there is no account {account.user}")
        return found

    def _hands(self, account: Account) -> AsAccount:
        return self._accounts.hands(self._find(account))

    def reader(self, account: Account) -> int:
        """See Panel.reader."""
        return self._find(account).uid

    # -- database -----------------------------------------------------------------------------------------------

    def database_names(self, account: Account) -> tuple[str, str]:
        """See Panel.database_names."""
        return mariadb.names_of(account.user)

    def temporary_user(self, account: Account, job_id: str) -> str:
        """See Panel.temporary_user."""
        return mariadb.temporary_name(account.user, job_id)

    def database_endpoint(self, account: Account) -> DatabaseEndpoint:
        """See Panel.database_endpoint."""
        settings = self._settings
        return DatabaseEndpoint("localhost", 3306, settings.mariadb_socket, uid=settings.mariadb_uid or None)

    def ensure_database(self, account: Account, database: str) -> None:
        """See Panel.ensure_database."""
        self._databases.ensure_database(self._find(account).user, database)

    def ensure_database_user(self, account: Account, user: str, password: str) -> None:
        """See Panel.ensure_database_user."""
        self._databases.ensure_user(self._find(account).user, user, password)
        # All: those of earlier versions have no limit
        shops = (mariadb.names_of(site.user)[1] for site in self._sites.all())
        self._databases.limit_connections({user, *shops})

    def ensure_privileges(self, account: Account, database: str, user: str) -> None:
        """See Panel.ensure_privileges."""
        self._databases.ensure_privileges(self._find(account).user, database, user)

    def has_database(self, account: Account, database: str) -> bool:
        """See Panel.has_database."""
        return self._databases.has_database(self._find(account).user, database)

    def has_database_user(self, account: Account, user: str) -> bool:
        """See Panel.has_database_user."""
        return self._databases.has_user(self._find(account).user, user)

    def holds_tables(self, account: Account, database: str) -> bool:
        """See Panel.holds_tables."""
        return self._databases.holds_tables(self._find(account).user, database)

    def remove_database(self, account: Account, database: str) -> None:
        """See Panel.remove_database."""
        self._databases.remove_database(self._find(account).user, database)

    def remove_database_user(self, account: Account, user: str) -> None:
        """See Panel.remove_database_user."""
        self._databases.remove_user(self._find(account).user, user)

    # -- site ---------------------------------------------------------------------------------------------------

    def ensure_php(self, account: Account, minimum: str, maximum: str | None, extensions: Sequence[str]) -> str:
        """See Panel.ensure_php."""
        found = self._find(account)
        php = self._pools.choose(minimum, maximum, extensions)
        site = self._sites.of(found.user)
        if site is None:
            raise ShoplaunchError("docroot_missing", f"the account {found.user} has no site yet")
        socket = self._pools.ensure(found, php)
        self._sites.ensure(found, site.host, socket)
        # Only after the site has switched over: until then the old pool still serves it.
        self._pools.remove(found.user, keep=php)
        compiled_scripts.remove(self._hands(account))
        return php.version

    def site_address(self, account: Account) -> SiteAddress:
        """See Panel.site_address."""
        return SiteAddress(ip=self._settings.http_ip, port=self._settings.http_port)

    def document_root_rules(self) -> DocumentRootRules:
        """See Panel.document_root_rules: this panel puts nothing there itself."""
        return DocumentRootRules(keep=(".well-known",))

    # -- files --------------------------------------------------------------------------------------------------

    def read_file(self, account: Account, path: str, limit: int = 1_000_000) -> bytes | None:
        """See Panel.read_file."""
        return self._hands(account).read(path, limit)

    def put_file(self, account: Account, path: str, content: bytes, mode: int) -> None:
        """See Panel.put_file."""
        self._hands(account).put(path, content, mode, agent_folder.folder_mode(path))

    def list_folder(self, account: Account, path: str) -> list[str] | None:
        """See Panel.list_folder; `.` is the home itself."""
        return self._hands(account).names(path)

    def home_entries(self, account: Account) -> dict[str, str] | None:
        """See Panel.home_entries; PHP's own folders, which this panel creates and PHP fills, are left out."""
        return self._hands(account).entries([FOLDER, PHP_FOLDER])

    def file_sha256(self, account: Account, path: str) -> str | None:
        """See Panel.file_sha256."""
        return self._hands(account).sha256(path)

    def holds_bundle(self, account: Account, sha256: str, size: int) -> bool:
        """See Panel.holds_bundle: by digest."""
        try:
            return self._hands(account).sha256(f"{FOLDER}/{BUNDLE_FILE}", limit=size) == sha256
        except ShoplaunchError as error:
            if error.code != "file_too_large":
                raise
            return False

    def ensure_agent(self, account: Account, files: SkeletonFiles) -> None:
        """See Panel.ensure_agent."""
        agent_folder.ensure(self._hands(account), files)

    def remove_agent(self, account: Account) -> None:
        """See Panel.remove_agent; what PHP has compiled of a shop that was taken back goes too."""
        self._accounts.unmount(self._find(account), FOLDER)
        agent_folder.remove(self._hands(account))
        compiled_scripts.remove(self._hands(account))

    # -- cron ---------------------------------------------------------------------------------------------------

    def ensure_cron(self, account: Account, line: str) -> None:
        """See Panel.ensure_cron."""
        self._crontab(account).ensure(line)

    def cron_lines(self, account: Account) -> list[str]:
        """See Panel.cron_lines."""
        return self._crontab(account).lines()

    def remove_cron(self, account: Account, marker: str) -> None:
        """See Panel.remove_cron."""
        self._crontab(account).remove(marker)

    def cron_interval_seconds(self, account: Account) -> int:
        """See Panel.cron_interval_seconds."""
        return self._settings.cron_interval_seconds

    def start_now(self, account: Account, job_id: str, attempt: int, within_seconds: float) -> Started:
        """See Panel.start_now: runs the cron line's own command, as cron does."""
        try:
            identity = self._hands(account).identity
        except ShoplaunchError as error:
            LOG.warning("%s: not started at once: %s", account.user, error.message)
            return Started(reason="home_closed")
        try:
            set_there = variables(self._crontab(account).read(), cron_line(job_id))
        except ShoplaunchError as error:
            LOG.warning("%s: not started at once: %s", account.user, error.message)
            return Started(reason="failed")
        return starting.start(identity, cron_command(job_id), set_there, within_seconds)

    def _crontab(self, account: Account) -> Crontab:
        return Crontab(self._settings, self._find(account).user)

    # -- skeleton -----------------------------------------------------------------------------------------------

    def ensure_skeleton(self, files: SkeletonFiles) -> SkeletonStatus:
        """See Panel.ensure_skeleton."""
        commands.require_root()
        return self._skeleton.ensure(files)

    def skeleton_status(self) -> SkeletonStatus:
        """See Panel.skeleton_status."""
        return self._skeleton.status()

    def remove_skeleton(self) -> None:
        """See Panel.remove_skeleton."""
        commands.require_root()
        self._skeleton.remove()
