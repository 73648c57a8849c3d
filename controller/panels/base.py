"""What a hosting panel must be able to do, declared by outcome; drivers are `local` and `cpanel`.

Every `ensure_*` looks, acts only when something is missing, and looks again: it may be called any number of times.
Drivers raise ShoplaunchError with codes of the catalogue; `retryable` tells whether trying again alone may help.
Paths are relative to the account's home and never followed through links.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from controller.panels.start import NOT_OFFERED, Started
from shared.job import AGENT_FILE, FOLDER, LAUNCHER_FILE


@dataclass(frozen=True)
class Account:
    """A hosting account as the panel reports it."""

    user: str
    home: str
    document_root: str
    domain: str
    #: What the panel named when it made the account; known to no later look.
    name_servers: Sequence[str] = field(default=(), compare=False)


@dataclass(frozen=True)
class DatabaseEndpoint:
    """Where the account's own processes reach the database: host `localhost` means the socket.

    `uid` is whose process listens there, where that user is neither root nor called mysql or mariadb. Another host is
    proven by `tls`: "verify", "ca" (`tls_ca`, PEM), "pin" (`tls_pin`, SHA-256 of certificates) or "plain": not at all.
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
    """Where HTTP requests for the account's domain go; `port` is not 80 where another web server holds 80.

    `public_ip` is what name servers should give for the domain, "" when that is `ip`.
    """

    ip: str
    port: int = 80
    tls_port: int = 443
    public_ip: str = ""


@dataclass(frozen=True)
class Check:
    """One row of `server check`; without an `essential` one the server cannot be used at all, without an `optional`
    one nothing is missing."""

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
    #: Of the job at hand, see `Panel.start_names`.
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
    """What lies in an account when the agent may begin: for `verify_prepared`."""

    database: str
    user: str
    cron_line: str
    agent: SkeletonFiles


#: How the names of database users that serve one job begin, behind the panel's prefix.
TEMPORARY = "sl"


@dataclass(frozen=True)
class Package:
    """A hosting plan with the number of its accounts; `quota_bytes` is None for no limit."""

    name: str
    accounts: int
    quota_bytes: int | None
    sells_shops: bool


class Panel(ABC):
    """One server's panel. Constructed from its `servers` row; cheap to make, holds no state worth keeping."""

    kind: ClassVar[str]

    @abstractmethod
    def check(self) -> list[Check]:
        """Return what works and what does not, without changing anything."""

    def prepare_together(self, user: str, domain: str) -> None:
        """The `ensure_*` of one job for an account follow, up to its cron line: a driver far away may share its first
        looks between them, and put its last looks off until `verify_prepared`. Drivers near by have nothing to gain.
        Raises account_invalid, domain_invalid, panel_*."""
        return

    def verify_prepared(self, account: Account, wanted: Prepared) -> None:
        """Everything is there that a job prepared; ends what `prepare_together` began. Drivers that look at once have
        nothing to add. Raises panel_unverified."""
        return

    @abstractmethod
    def find_account(self, user: str) -> Account | None:
        """Return the account, or None when there is none. Raises account_invalid, account_foreign."""

    @abstractmethod
    def ensure_account(self, user: str, domain: str, *, create: bool, email: str) -> Account:
        """Return the account, with `domain` served from its document root.

        Creates it when `create`; otherwise raises account_missing. A new account is born from the skeleton.
        """

    def reader(self, account: Account) -> int | None:
        """Return the id of the account's user on the controller's own machine, None where accounts live elsewhere.
        Raises account_missing."""
        return None

    @abstractmethod
    def database_names(self, account: Account) -> tuple[str, str]:
        """Return (database, user) names that the panel's prefix and length rules allow for the shop."""

    def temporary_user(self, account: Account, job_id: str) -> str:
        """Return a database user's name for the job `job_id` alone, by the same rules; never the shop's own user."""
        prefix, joint, _ = self.database_names(account)[1].rpartition("_")
        return f"{prefix}{joint}{TEMPORARY}{job_id[:5]}"

    @abstractmethod
    def database_endpoint(self, account: Account) -> DatabaseEndpoint:
        """Return where the account reaches its database."""

    @abstractmethod
    def ensure_database(self, account: Account, database: str) -> None:
        """The database exists and belongs to the account."""

    @abstractmethod
    def ensure_database_user(self, account: Account, user: str, password: str) -> None:
        """The database user exists and has this password."""

    @abstractmethod
    def ensure_privileges(self, account: Account, database: str, user: str) -> None:
        """The user has all privileges on the database."""

    def has_database(self, account: Account, database: str) -> bool:
        """Tell whether the database is there. Where a panel cannot tell, it is taken to be: what was there before
        is never removed."""
        return True

    def has_database_user(self, account: Account, user: str) -> bool:
        """Tell whether the database user is there; like `has_database` where a panel cannot tell."""
        return True

    def holds_tables(self, account: Account, database: str) -> bool:
        """Tell whether the database holds anything; where a panel cannot tell, it is taken to."""
        return True

    @abstractmethod
    def remove_database(self, account: Account, database: str) -> None:
        """The account's database is gone with all it held, looked at afterwards."""

    @abstractmethod
    def remove_database_user(self, account: Account, user: str) -> None:
        """The account's database user is gone and its connections are ended, looked at afterwards."""

    @abstractmethod
    def ensure_php(self, account: Account, minimum: str, maximum: str | None, extensions: Sequence[str]) -> str:
        """PHP runs the account's site; return its version. Raises panel_refused when no version fits."""

    def mend_php(self, account: Account, minimum: str, maximum: str | None, extensions: Sequence[str]) -> str:
        """The same once the shop stands in the document root, with what the panel keeps there for its PHP."""
        return self.ensure_php(account, minimum, maximum, extensions)

    @abstractmethod
    def document_root_rules(self) -> DocumentRootRules:
        """Return what in a document root belongs to the panel."""

    @abstractmethod
    def read_file(self, account: Account, path: str, limit: int = 1_000_000) -> bytes | None:
        """Return the file's content, None when it does not exist. Raises path_refused for links and for what is no
        file, file_too_large above `limit` bytes: its size is looked at before it is read."""

    @abstractmethod
    def put_file(self, account: Account, path: str, content: bytes, mode: int) -> None:
        """The file holds `content` with `mode`, owned by the account; parents of `.shoplaunch/` are made 0700.

        Written as temp, fsync, rename. Raises path_refused when a link or a foreign file is in the way.
        """

    def put_files(self, account: Account, files: Mapping[str, tuple[bytes, int]]) -> None:
        """The same for several files, path -> (content, mode); a panel far away writes them at the same time."""
        for path, (content, mode) in files.items():
            self.put_file(account, path, content, mode)

    @abstractmethod
    def list_folder(self, account: Account, path: str) -> list[str] | None:
        """Return the entries' names, None when there is no such folder."""

    def home_entries(self, account: Account) -> dict[str, str] | None:
        """Return path -> a text that changes with the content, of everything in the home that is neither the agent's
        nor written by the panel all the time; None where a panel cannot tell, or there is too much of it."""
        return None

    @abstractmethod
    def remove_agent(self, account: Account) -> None:
        """`~/.shoplaunch` and everything in it is gone."""

    @abstractmethod
    def ensure_agent(self, account: Account, files: SkeletonFiles) -> None:
        """`~/.shoplaunch` holds this launcher and agent (and bundle, when given), verified by digest."""

    def ensure_agent_anew(self, account: Account, files: SkeletonFiles) -> None:
        """The same, whatever was written down about what lies there: it may have been damaged since."""
        self.ensure_agent(account, files)

    def agent_digests(self, account: Account) -> dict[str, str | None]:
        """Return name -> digest of the content that launcher and agent have now, None where there is no such file;
        without those whose content this panel cannot show."""
        names = (LAUNCHER_FILE, AGENT_FILE)
        return {name: self.file_sha256(account, f"{FOLDER}/{name}") for name in names}

    @abstractmethod
    def file_sha256(self, account: Account, path: str) -> str | None:
        """Return the digest of a file in the account's home, None when it does not exist."""

    @abstractmethod
    def holds_bundle(self, account: Account, sha256: str, size: int) -> bool:
        """Tell whether the account's `.shoplaunch/shop.bundle` is this bundle, as far as the panel can tell.

        By digest where files can be read whole, else by size: the agent verifies anyway.
        """

    @abstractmethod
    def ensure_cron(self, account: Account, line: str) -> None:
        """The account's crontab holds `line` exactly once; other lines stay byte for byte."""

    @abstractmethod
    def cron_lines(self, account: Account) -> list[str]:
        """Return the account's crontab lines."""

    @abstractmethod
    def remove_cron(self, account: Account, marker: str) -> None:
        """No line of the crontab ends with the comment `# <marker>`; other lines stay byte for byte."""

    @abstractmethod
    def cron_interval_seconds(self, account: Account) -> int:
        """Return the smallest interval at which cron may run, in seconds."""

    def start_files(self, account: Account, job_id: str, attempt: int) -> Mapping[str, tuple[bytes, int]]:
        """Return path -> (content, mode) of what `start_now` needs in the account; written with the job file."""
        return {}

    def start_names(self, account: Account, job_id: str, attempt: int) -> Sequence[str]:
        """Return the names of what `start_files` puts into the document root, of this attempt and of earlier ones: the
        agent takes them away, and never for a client's."""
        return ()

    def start_now(self, account: Account, job_id: str, attempt: int, within_seconds: float) -> Started:
        """The launcher runs as the account at once, as if cron had started it; return by which way, or why it does not.

        Never waits longer than `within_seconds`, never raises for what merely did not work.
        """
        return NOT_OFFERED

    def has_other_start(self) -> bool:
        """Tell whether `start_now` has a way left where what was learned of the server stops the usual one."""
        return False

    def end_start(self, account: Account, job_id: str, attempt: int) -> None:
        """Nothing of `start_files` is left, of this attempt and of earlier ones. Raises panel_*."""
        return

    @abstractmethod
    def site_address(self, account: Account) -> SiteAddress:
        """Return where the account's site is served."""

    def request_tls(self, account: Account) -> bool:
        """A certificate for the account's domain was asked for; False where this panel issues none.

        Raises feature_missing where it issues none for this account.
        """
        return False

    def tls_problems(self, account: Account) -> list[str]:
        """Return what keeps the panel from issuing the certificate, in its words; [] when nothing or not known."""
        return []

    def name_servers(self, account: Account) -> list[str]:
        """Return the name servers the client's domain should use; [] when it does not matter or is not known."""
        return []

    @abstractmethod
    def remove_account(self, account: Account) -> None:
        """The account, its databases, crontab and site are gone.

        A job calls it only for an account that it made itself and that holds nothing of anybody's."""

    @abstractmethod
    def ensure_skeleton(self, files: SkeletonFiles) -> SkeletonStatus:
        """New accounts are born with these files; older versions are replaced."""

    @abstractmethod
    def skeleton_status(self) -> SkeletonStatus:
        """Return what new accounts are born with."""

    @abstractmethod
    def remove_skeleton(self) -> None:
        """New accounts are born without anything of ours."""

    def packages(self) -> list[Package]:
        """Return the hosting plans whose accounts are born from the skeleton; none where there are no plans."""
        return []

    @abstractmethod
    def list_accounts(self) -> list[Account]:
        """Return the accounts this panel looks after (for `skeleton sweep`)."""
