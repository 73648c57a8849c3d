"""The contract of a hosting panel, declared by outcome; drivers are `local` and `cpanel`.

Every `ensure_*` checks, acts only when something is missing, and checks again: it may be called any number of times.
Drivers raise ShoplaunchError with codes of the catalogue; `retryable` says whether a retry alone may help. Paths are
relative to the account's home and never followed through links.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from controller.account import Account
from controller.panels.start import NOT_OFFERED, Started
from controller.shop_address import HTTP, HTTPS, ShopAddress
from shared.errors import ShoplaunchError
from shared.job import AGENT_FILE, FOLDER, LAUNCHER_FILE


@dataclass(frozen=True)
class DatabaseEndpoint:
    """Where the account's own processes reach the database: host `localhost` means the socket.

    `uid` is the user of the process that listens there, if that is neither root nor called mysql or mariadb. Another
    host is authenticated by `tls`: "verify", "ca" (`tls_ca`, PEM), "pin" (`tls_pin`, SHA-256 of certificates) or
    "plain": not at all.
    """

    host: str
    port: int
    socket: str | None = None
    uid: int | None = None
    tls: str = ""
    tls_ca: str = ""
    tls_pin: str = ""


@dataclass(frozen=True)
class SiteAddress:
    """Where HTTP requests for the account's host go; `port` differs from 80 where another web server holds 80.

    `public_ip` is the address that name servers should return for the host, "" when that is `ip`.
    """

    ip: str
    port: int = 80
    tls_port: int = 443
    public_ip: str = ""

    def shop_at(self, host: str, folder: str = "", *, https: bool = False) -> ShopAddress:
        """Return the address under which the web server answers for a shop of this host and folder."""
        return ShopAddress(HTTPS, host, self.tls_port, folder) if https else ShopAddress(HTTP, host, self.port, folder)


@dataclass(frozen=True)
class Check:
    """One row of `server check`. If an `essential` one fails, the server cannot be used at all; if an `optional` one
    fails, nothing is missing."""

    name: str
    ok: bool
    message: str
    advice: str = ""
    essential: bool = True
    optional: bool = False


@dataclass(frozen=True)
class DocumentRootRules:
    """Which entries of a document root belong to the panel (design section 4)."""

    keep: Sequence[str]
    default_pages: Sequence[str] = field(default_factory=tuple)
    htaccess_blocks: Sequence[tuple[str, str]] = field(default_factory=tuple)
    #: Names for the current job, see `Panel.start_names`.
    starters: Sequence[str] = field(default_factory=tuple)


@dataclass(frozen=True)
class SkeletonStatus:
    """What the skeleton holds: digests of launcher, agent and bundle, None where absent."""

    launcher_sha256: str | None
    agent_sha256: str | None
    bundle_sha256: str | None
    bundle_bytes: int = 0


@dataclass(frozen=True)
class SkeletonFiles:
    """Files for `ensure_skeleton`; `bundle_path` is a bundle on the controller's disk or None."""

    launcher: bytes
    agent: bytes
    bundle_path: str | None = None


@dataclass(frozen=True)
class Prepared:
    """The content of an account when the agent may begin: for `verify_prepared`."""

    database: str
    user: str
    cron_line: str
    agent: SkeletonFiles


#: So long a panel may still carry out what it gave no answer to.
LATE_SECONDS = 600.0


class RemovalUnanswered(ShoplaunchError):
    """No answer came to a removal, and what it names is there: the panel may carry it out later, and then takes what
    has come by that name, or in that place, since. Until LATE_SECONDS are over nothing may be made or removed there."""


class RemovalMayRepeat(RemovalUnanswered):
    """A cron line is gone, by its number: delivered once more, the removal takes the account's own `line`, which has
    this number now. Once LATE_SECONDS are over `Panel.keep_cron` puts it back where that happened."""

    def __init__(self, line: str) -> None:
        super().__init__("panel_unreachable", "a cron line was removed by its number, which another line has now")
        self.line = line


#: How the names of one job's temporary database users begin, after the panel's prefix.
TEMPORARY = "sl"


@dataclass(frozen=True)
class Package:
    """A hosting plan with the number of its accounts; `quota_bytes` is None for no limit."""

    name: str
    accounts: int
    quota_bytes: int | None
    sells_shops: bool


class Panel(ABC):
    """One server's panel. Constructed from its `servers` row; cheap to create, holds no state worth keeping."""

    kind: ClassVar[str]
    #: Whether a removal may be carried out after this process has ended.
    may_remove_late: ClassVar[bool] = False

    @abstractmethod
    def check(self) -> list[Check]:
        """Return what works and what does not, without changing anything."""

    def prepare_together(self, user: str, host: str) -> None:
        """Begin the `ensure_*` calls of one job for an account, up to its cron line. A remote driver may share its
        first queries between them, and defer its last checks until `verify_prepared`; a local driver has nothing to
        gain. Raises account_invalid, domain_invalid, panel_*."""
        return

    def verify_prepared(self, account: Account, wanted: Prepared) -> None:
        """Verify that everything a job prepared is there; ends what `prepare_together` began. Drivers that verify at
        once have nothing to add. Raises panel_unverified."""
        return

    @abstractmethod
    def find_account(self, user: str) -> Account | None:
        """Return the account, or None when there is none. Raises account_invalid, account_foreign."""

    @abstractmethod
    def ensure_account(self, user: str, host: str, *, create: bool, email: str) -> Account:
        """Return the account, with `host` served from its document root.

        Creates it when `create`; otherwise raises account_missing. A new account is created from the skeleton.
        """

    def reader(self, account: Account) -> int | None:
        """Return the id of the account's user on the controller's own machine, None where accounts live elsewhere.
        Raises account_missing."""
        return None

    @abstractmethod
    def database_names(self, account: Account) -> tuple[str, str]:
        """Return (database, user) names that the panel's prefix and length rules allow for the shop."""

    def temporary_user(self, account: Account, job_id: str) -> str:
        """Return the name of the job's temporary database user, by the same rules; never the shop's own user."""
        prefix, joint, _ = self.database_names(account)[1].rpartition("_")
        return f"{prefix}{joint}{TEMPORARY}{job_id[:5]}"

    @abstractmethod
    def database_endpoint(self, account: Account) -> DatabaseEndpoint:
        """Return where the account reaches its database."""

    @abstractmethod
    def ensure_database(self, account: Account, database: str) -> None:
        """Ensure that the database exists and belongs to the account."""

    @abstractmethod
    def ensure_database_user(self, account: Account, user: str, password: str) -> None:
        """Ensure that the database user exists and has this password."""

    @abstractmethod
    def ensure_privileges(self, account: Account, database: str, user: str) -> None:
        """Ensure that the user has all privileges on the database."""

    def has_database(self, account: Account, database: str) -> bool:
        """Return whether the database exists; True where a panel cannot tell, as an existing one is never removed."""
        return True

    def has_database_user(self, account: Account, user: str) -> bool:
        """Return whether the database user exists; True where a panel cannot tell."""
        return True

    def holds_tables(self, account: Account, database: str) -> bool:
        """Return whether the database holds anything; True where a panel cannot tell."""
        return True

    @abstractmethod
    def remove_database(self, account: Account, database: str) -> None:
        """Remove the account's database with its content, and verify that it is gone."""

    @abstractmethod
    def remove_database_user(self, account: Account, user: str) -> None:
        """Remove the account's database user, end its connections, and verify that it is gone."""

    @abstractmethod
    def ensure_php(self, account: Account, minimum: str, maximum: str | None, extensions: Sequence[str]) -> str:
        """Ensure that PHP runs the account's site; return its version. Raises panel_refused when no version fits."""

    def mend_php(self, account: Account, minimum: str, maximum: str | None, extensions: Sequence[str]) -> str:
        """Repeat `ensure_php` once the shop is in the document root, with the panel's own entries there for PHP."""
        return self.ensure_php(account, minimum, maximum, extensions)

    @abstractmethod
    def document_root_rules(self) -> DocumentRootRules:
        """Return which entries of a document root belong to the panel."""

    @abstractmethod
    def read_file(self, account: Account, path: str, limit: int = 1_000_000) -> bytes | None:
        """Return the file's content, None when it does not exist. Raises path_refused for links and anything else that
        is no file, file_too_large above `limit` bytes: its size is checked before it is read."""

    @abstractmethod
    def put_file(self, account: Account, path: str, content: bytes, mode: int) -> None:
        """Write `content` to the file with `mode`, owned by the account; parents of `.shoplaunch/` get mode 0700.

        Written as temp, fsync, rename. Raises path_refused when a link or a foreign file is in the way.
        """

    def put_files(self, account: Account, files: Mapping[str, tuple[bytes, int]]) -> None:
        """Do the same for several files, path -> (content, mode); a remote panel writes them in parallel."""
        for path, (content, mode) in files.items():
            self.put_file(account, path, content, mode)

    @abstractmethod
    def list_folder(self, account: Account, path: str) -> list[str] | None:
        """Return the entries' names, None when there is no such folder."""

    def home_entries(self, account: Account) -> dict[str, str] | None:
        """Return path -> a text that changes with the content, for everything in the home except the agent's files and
        those that the panel writes all the time; None where a panel cannot tell, or there is too much of it."""
        return None

    @abstractmethod
    def remove_agent(self, account: Account) -> None:
        """Remove `~/.shoplaunch` and everything in it."""

    @abstractmethod
    def ensure_agent(self, account: Account, files: SkeletonFiles) -> None:
        """Ensure that `~/.shoplaunch` holds this launcher and agent (and bundle, when given), verified by digest."""

    def ensure_agent_anew(self, account: Account, files: SkeletonFiles) -> None:
        """Do the same without trusting earlier records of the files: they may have been damaged since."""
        self.ensure_agent(account, files)

    def agent_digests(self, account: Account) -> dict[str, str | None]:
        """Return name -> current digest of launcher and agent, None where the file is missing; files that this panel
        cannot read are left out."""
        names = (LAUNCHER_FILE, AGENT_FILE)
        return {name: self.file_sha256(account, f"{FOLDER}/{name}") for name in names}

    @abstractmethod
    def file_sha256(self, account: Account, path: str) -> str | None:
        """Return the digest of a file in the account's home, None when it does not exist."""

    @abstractmethod
    def holds_bundle(self, account: Account, sha256: str, size: int) -> bool:
        """Return whether the account's `.shoplaunch/shop.bundle` is this bundle, as far as the panel can tell.

        By digest where files can be read whole, else by size: the agent verifies it anyway.
        """

    @abstractmethod
    def ensure_cron(self, account: Account, line: str) -> None:
        """Ensure that the account's crontab holds `line` exactly once; other lines stay byte for byte."""

    @abstractmethod
    def cron_lines(self, account: Account) -> list[str]:
        """Return the account's crontab lines."""

    @abstractmethod
    def remove_cron(self, account: Account, marker: str) -> None:
        """Remove all lines of the crontab that end with the comment `# <marker>`; other lines stay byte for byte."""

    def keep_cron(self, account: Account, line: str) -> None:  # noqa: B027 - most panels raise no RemovalMayRepeat
        """Ensure that the crontab holds the account's own `line` of a RemovalMayRepeat. Raises cron_edit_failed."""

    @abstractmethod
    def cron_interval_seconds(self, account: Account) -> int:
        """Return the smallest interval at which cron may run, in seconds."""

    def start_files(self, account: Account, job_id: str, attempt: int) -> Mapping[str, tuple[bytes, int]]:
        """Return path -> (content, mode) of the files that `start_now` needs; written with the job file."""
        return {}

    def start_names(self, account: Account, job_id: str, attempt: int) -> Sequence[str]:
        """Return the names that `start_files` puts into the document root, of this attempt and of earlier ones: the
        agent removes these files and never takes them for the client's."""
        return ()

    def start_now(self, account: Account, job_id: str, attempt: int, within_seconds: float) -> Started:
        """Run the launcher as the account at once, as if cron had started it; return by which way, or why not.

        Never waits longer than `within_seconds`; a start that merely did not work raises nothing.
        """
        return NOT_OFFERED

    def has_other_start(self) -> bool:
        """Return whether `start_now` has another way where the server is known not to support the usual one."""
        return False

    def end_start(self, account: Account, job_id: str, attempt: int) -> None:
        """Remove all of `start_files`, of this attempt and of earlier ones. Raises panel_*."""
        return

    @abstractmethod
    def site_address(self, account: Account) -> SiteAddress:
        """Return where the account's site is served."""

    def request_tls(self, account: Account) -> bool:
        """Request a certificate for the account's host; return False where this panel issues none.

        Raises feature_missing where it issues none for this account.
        """
        return False

    def tls_problems(self, account: Account) -> list[str]:
        """Return the panel's reasons for not issuing the certificate, in its words; [] when none are known."""
        return []

    def name_servers(self, account: Account) -> list[str]:
        """Return the name servers the client's domain should use; [] when it does not matter or is not known."""
        return []

    @abstractmethod
    def remove_account(self, account: Account) -> None:
        """Remove the account with its databases, crontab and site.

        A job calls it only for an account that it created itself and that holds no data of anybody's.
        """

    @abstractmethod
    def ensure_skeleton(self, files: SkeletonFiles) -> SkeletonStatus:
        """Ensure that new accounts are created with these files; older versions are replaced."""

    @abstractmethod
    def skeleton_status(self) -> SkeletonStatus:
        """Return the files that new accounts are created with."""

    @abstractmethod
    def remove_skeleton(self) -> None:
        """Remove everything of Shoplaunch from what new accounts are created with."""

    def packages(self) -> list[Package]:
        """Return the hosting plans whose accounts are created from the skeleton; none where there are no plans."""
        return []

    @abstractmethod
    def list_accounts(self) -> list[Account]:
        """Return the accounts that this panel manages (for `skeleton sweep`)."""
