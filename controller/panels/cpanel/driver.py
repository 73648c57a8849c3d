"""The `cpanel` panel: accounts, databases, files and cron of a cPanel/WHM server, by outcome."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from controller.account import Account
from controller.panels.base import (
    Check,
    DatabaseEndpoint,
    DocumentRootRules,
    Package,
    Panel,
    Prepared,
    SkeletonFiles,
    SkeletonStatus,
)
from controller.panels.cpanel import check, packages, verify
from controller.panels.cpanel.account import agent_files
from controller.panels.cpanel.account.accounts import check_name
from controller.panels.cpanel.server import CpanelServer
from controller.panels.cpanel.skeleton.skeleton import open_skeleton
from controller.panels.cpanel.start import at_once, ssh_start
from controller.panels.start import Started

#: Entries that cPanel itself creates in document roots.
PANELS_OWN = (".well-known", "cgi-bin", ".ftpquota", "error_log", ".user.ini", "php.ini")
HTACCESS_BYTES = 1_000_000
HTACCESS_BLOCKS = (
    (r"^# php -- BEGIN cPanel-generated handler", r"^# php -- END cPanel-generated handler"),
    (r"^# BEGIN cPanel-generated php ini directives", r"^# END cPanel-generated php ini directives"),
)


class CpanelPanel(CpanelServer, Panel):
    """One cPanel server, as root or as a reseller."""

    kind: ClassVar[str] = "cpanel"
    may_remove_late: ClassVar[bool] = True

    def check(self) -> list[Check]:
        """See Panel.check."""
        return check.check_server(self)

    # -- a job's steps together -----------------------------------------------------------------------------------

    def prepare_together(self, user: str, host: str) -> None:
        """See Panel.prepare_together."""
        self._is_batching = True
        self.accounts.see_first(user, host.lower())

    def verify_prepared(self, account: Account, wanted: Prepared) -> None:
        """See Panel.verify_prepared."""
        self._is_batching = False
        verify.verify(self, account, wanted)

    # -- accounts -----------------------------------------------------------------------------------------------

    def ensure_account(self, user: str, host: str, *, create: bool, email: str) -> Account:
        """See Panel.ensure_account. Raises domain_foreign when the account exists and does not serve the host."""
        account = self.accounts.ensure(user, host.lower(), email, create)
        if self._is_batching:
            self.cache(user).begin("crontab")
            self.files(account).begin_folder()
        return account

    def list_accounts(self) -> list[Account]:
        """See Panel.list_accounts."""
        return self.accounts.all()

    def remove_account(self, account: Account) -> None:
        """See Panel.remove_account."""
        check_name(account.user)
        self.accounts.remove(account)
        self._caches.pop(account.user, None)
        self._files.pop(account.user, None)

    # -- database -----------------------------------------------------------------------------------------------

    def database_names(self, account: Account) -> tuple[str, str]:
        """See Panel.database_names."""
        return self.databases(account).names()

    def database_endpoint(self, account: Account) -> DatabaseEndpoint:
        """See Panel.database_endpoint."""
        return self.databases(account).endpoint(self.settings)

    def ensure_database(self, account: Account, database: str) -> None:
        """See Panel.ensure_database."""
        self.databases(account).ensure_database(database)

    def ensure_database_user(self, account: Account, user: str, password: str) -> None:
        """See Panel.ensure_database_user."""
        self.databases(account).ensure_user(user, password)

    def ensure_privileges(self, account: Account, database: str, user: str) -> None:
        """See Panel.ensure_privileges."""
        self.databases(account).ensure_privileges(database, user)

    def has_database(self, account: Account, database: str) -> bool:
        """See Panel.has_database."""
        return database in self.databases(account).databases()

    def has_database_user(self, account: Account, user: str) -> bool:
        """See Panel.has_database_user."""
        return user in self.databases(account).users()

    def holds_tables(self, account: Account, database: str) -> bool:
        """See Panel.holds_tables."""
        return self.databases(account).holds_tables(database)

    def remove_database(self, account: Account, database: str) -> None:
        """See Panel.remove_database."""
        self.databases(account).remove_database(database)

    def remove_database_user(self, account: Account, user: str) -> None:
        """See Panel.remove_database_user."""
        self.databases(account).remove_user(user)

    # -- site ---------------------------------------------------------------------------------------------------

    def ensure_php(self, account: Account, minimum: str, maximum: str | None, extensions: Sequence[str]) -> str:
        """See Panel.ensure_php. The panel does not report the installed extensions; the shop's checks do."""
        return self.php(account).ensure(minimum, maximum, extensions)

    def mend_php(self, account: Account, minimum: str, maximum: str | None, extensions: Sequence[str]) -> str:
        """See Panel.mend_php: cPanel's own block in `.htaccess` names the chosen PHP."""
        php = self.php(account)
        version = php.ensure(minimum, maximum, extensions)
        folder = account.document_root.removeprefix(account.home + "/")
        php.ensure_block(lambda: self.files(account).read(f"{folder}/.htaccess", HTACCESS_BYTES) or b"")
        return version

    def request_tls(self, account: Account) -> bool:
        """See Panel.request_tls."""
        self.autossl(account).request()
        return True

    def tls_problems(self, account: Account) -> list[str]:
        """See Panel.tls_problems."""
        return self.autossl(account).problems(account.domain)

    def name_servers(self, account: Account) -> list[str]:
        """See Panel.name_servers."""
        return self.accounts.name_servers(account)

    def document_root_rules(self) -> DocumentRootRules:
        """See Panel.document_root_rules."""
        return DocumentRootRules(keep=PANELS_OWN, htaccess_blocks=HTACCESS_BLOCKS)

    # -- files --------------------------------------------------------------------------------------------------

    def read_file(self, account: Account, path: str, limit: int = 1_000_000) -> bytes | None:
        """See Panel.read_file."""
        return self.files(account).read_whole(path, limit)

    def put_file(self, account: Account, path: str, content: bytes, mode: int) -> None:
        """See Panel.put_file; only text can be written through this panel."""
        self.put_files(account, {path: (content, mode)})

    def put_files(self, account: Account, files: Mapping[str, tuple[bytes, int]]) -> None:
        """See Panel.put_files; files missing in the end are written once more, a starter never."""
        at_once.put_files(self.files(account), files)

    def list_folder(self, account: Account, path: str) -> list[str] | None:
        """See Panel.list_folder; `.` is the home itself."""
        found = self.files(account).entries(path)
        return None if found is None else sorted(found)

    def file_sha256(self, account: Account, path: str) -> str | None:
        """See Panel.file_sha256."""
        return agent_files.file_sha256(self.files(account), path)

    def holds_bundle(self, account: Account, sha256: str, size: int) -> bool:
        """See Panel.holds_bundle: by size."""
        return agent_files.holds_bundle(self.files(account), sha256, size)

    def ensure_agent(self, account: Account, files: SkeletonFiles) -> None:
        """See Panel.ensure_agent."""
        agent_files.ensure(self.files(account), files)

    def ensure_agent_anew(self, account: Account, files: SkeletonFiles) -> None:
        """See Panel.ensure_agent_anew: sizes and stamp do not show later damage."""
        agent_files.ensure(self.files(account), files, anew=True)

    def agent_digests(self, account: Account) -> dict[str, str | None]:
        """See Panel.agent_digests; after its first start the agent is no text any more."""
        return agent_files.digests(self.files(account))

    def remove_agent(self, account: Account) -> None:
        """See Panel.remove_agent."""
        agent_files.remove(self.files(account))

    # -- cron ---------------------------------------------------------------------------------------------------

    def ensure_cron(self, account: Account, line: str) -> None:
        """See Panel.ensure_cron; a host that allows only every N minutes gets `*/N`."""
        self.files(account).finish()
        self.crontab(account).ensure(line)

    def cron_lines(self, account: Account) -> list[str]:
        """See Panel.cron_lines."""
        return [str(line) for line in self.crontab(account).lines()]

    def remove_cron(self, account: Account, marker: str) -> None:
        """See Panel.remove_cron."""
        self.crontab(account).remove(marker)

    def keep_cron(self, account: Account, line: str) -> None:
        """See Panel.keep_cron."""
        self.crontab(account).keep(line)

    def cron_interval_seconds(self, account: Account) -> int:
        """See Panel.cron_interval_seconds: what the host made of our line, where it was seen."""
        return self.crontab(account).seconds()

    # -- starting at once ---------------------------------------------------------------------------------------

    def start_files(self, account: Account, job_id: str, attempt: int) -> Mapping[str, tuple[bytes, int]]:
        """See Panel.start_files: a starter in the document root, unless the start is by SSH."""
        return at_once.Ring(self, account, job_id, attempt).files()

    def start_names(self, account: Account, job_id: str, attempt: int) -> Sequence[str]:
        """See Panel.start_names."""
        return at_once.Ring(self, account, job_id, attempt).names()

    def start_now(self, account: Account, job_id: str, attempt: int, within_seconds: float) -> Started:
        """See Panel.start_now."""
        return at_once.Ring(self, account, job_id, attempt).start(within_seconds)

    def has_other_start(self) -> bool:
        """See Panel.has_other_start: the knowledge is about starters; SSH as root needs none."""
        return ssh_start.is_root(self.settings.ssh)

    def end_start(self, account: Account, job_id: str, attempt: int) -> None:
        """See Panel.end_start."""
        at_once.Ring(self, account, job_id, attempt).end()

    def packages(self) -> list[Package]:
        """See Panel.packages."""
        return packages.packages(self.whm, self.settings.package)

    # -- skeleton -----------------------------------------------------------------------------------------------

    def ensure_skeleton(self, files: SkeletonFiles) -> SkeletonStatus:
        """See Panel.ensure_skeleton."""
        return open_skeleton(self).ensure(files)

    def skeleton_status(self) -> SkeletonStatus:
        """See Panel.skeleton_status."""
        return open_skeleton(self).status()

    def remove_skeleton(self) -> None:
        """See Panel.remove_skeleton."""
        open_skeleton(self).remove()
