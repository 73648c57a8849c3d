"""A strict panel without a server: accounts are folders, databases and crontabs are lists, every call is checked."""

import hashlib
import os
import shutil
import threading
from pathlib import Path

from controller.account import Account
from controller.panels.base import (
    DatabaseEndpoint,
    DocumentRootRules,
    Panel,
    SiteAddress,
    SkeletonFiles,
    SkeletonStatus,
)
from controller.panels.start import NOT_OFFERED
from shared.errors import ShoplaunchError
from shared.job import FOLDER

#: The id of the first account's user.
READER = 54321


class FolderPanel(Panel):
    """Refuses what a real panel would refuse. `fail(method, *codes)` makes the next calls of a method fail."""

    kind = "local"

    def __init__(self, base, port=80):
        self.base = Path(base)
        self.port = port
        self.tls_port = 443
        self.issues_certificates = False
        self.accounts = {}
        self.databases = {}
        self.users = {}
        self.tables = {}
        self.grants = set()
        self.crontabs = {}
        self.cron_seconds = 60
        self.started = NOT_OFFERED
        self.calls = []
        self.before = {}
        self._failures = {}
        self._guard = threading.Lock()
        self._skeleton = SkeletonStatus(None, None, None)

    def fail(self, method, *codes):
        """The next calls of `method` raise these codes, one each."""
        self._failures.setdefault(method, []).extend(codes)

    def _called(self, method, *about):
        with self._guard:
            self.calls.append((method, *about))
            codes = self._failures.get(method)
            code = codes.pop(0) if codes else None
        if method in self.before:
            self.before[method]()
        if code is not None:
            raise ShoplaunchError(code, f"{method} fails as the test wants")

    def reader(self, account):
        """A user of this machine who owns nothing; None where the panel is another machine's."""
        self._home(account)
        return READER + list(self.accounts).index(account.user) if self.kind == "local" else None

    def _home(self, account):
        if account.user not in self.accounts:
            raise ShoplaunchError("account_missing", f"there is no account {account.user}")
        return Path(account.home)

    def check(self):
        return []

    def find_account(self, user):
        return self.accounts.get(user)

    def ensure_account(self, user, domain, *, create, email):
        self._called("ensure_account", user)
        for other in self.accounts.values():
            if other.domain == domain and other.user != user:
                raise ShoplaunchError("name_taken", f"{domain} is another account's")
        if user not in self.accounts:
            if not create:
                raise ShoplaunchError("account_missing", f"there is no account {user}")
            home = self.base / user
            (home / "public_html").mkdir(parents=True)
            self.accounts[user] = Account(user, str(home), str(home / "public_html"), domain)
            self.crontabs[user] = ["# the account's own", "5 5 * * * true"]
        return self.accounts[user]

    def list_accounts(self):
        return list(self.accounts.values())

    def remove_account(self, account):
        self._called("remove_account", account.user)
        shutil.rmtree(self._home(account))
        del self.accounts[account.user], self.crontabs[account.user]
        for name in self.database_names(account):
            self.databases.pop(name, None)
            self.users.pop(name, None)
            self.tables.pop(name, None)

    def database_names(self, account):
        return f"{account.user}_shop", f"{account.user}_shop"

    def database_endpoint(self, account):
        return DatabaseEndpoint("localhost", 3306, "/run/mysqld/mysqld.sock")

    def ensure_database(self, account, database):
        self._called("ensure_database", database)
        self._home(account)
        if self.databases.setdefault(database, account.user) != account.user:
            raise ShoplaunchError("name_taken", f"{database} belongs to somebody else")

    def ensure_database_user(self, account, user, password):
        self._called("ensure_database_user", user)
        self._home(account)
        assert len(password) >= 16
        self.users[user] = password

    def ensure_privileges(self, account, database, user):
        self._called("ensure_privileges", database, user)
        if database not in self.databases or user not in self.users:
            raise ShoplaunchError("panel_refused", "there is no such database or user")
        self.grants.add((database, user))

    def has_database(self, account, database):
        self._home(account)
        return database in self.databases

    def has_database_user(self, account, user):
        self._home(account)
        return user in self.users

    def holds_tables(self, account, database):
        self._home(account)
        return bool(self.tables.get(database))

    def remove_database(self, account, database):
        self._called("remove_database", database)
        self._home(account)
        self.databases.pop(database, None)
        self.tables.pop(database, None)

    def remove_database_user(self, account, user):
        self._called("remove_database_user", user)
        self._home(account)
        self.users.pop(user, None)

    def home_entries(self, account):
        self._called("home_entries", account.user)
        home = self._home(account)
        found = {str(path.relative_to(home)): path for path in home.rglob("*")}
        return {
            name: f"{path.lstat().st_mtime_ns}" if path.is_file() else "folder"
            for name, path in found.items()
            if not name.startswith(FOLDER)
        }

    def ensure_php(self, account, minimum, maximum, extensions):
        self._called("ensure_php", minimum)
        self._home(account)
        return "8.2"

    def document_root_rules(self):
        return DocumentRootRules(keep=(".well-known",), htaccess_blocks=(("^# BEGIN", "^# END"),))

    def _path(self, account, path):
        parts = Path(path).parts
        assert parts and not path.startswith("/") and ".." not in parts
        found = self._home(account)
        for part in parts:
            found = found / part
            if found.is_symlink():
                raise ShoplaunchError("path_refused", f"{path} is a link")
        return found

    def read_file(self, account, path, limit=1_000_000):
        self._called("read_file", path)
        found = self._path(account, path)
        if not found.is_file():
            return None
        if found.stat().st_size > limit:
            raise ShoplaunchError("file_too_large", f"{path} has more than {limit} bytes")
        return found.read_bytes()

    def put_file(self, account, path, content, mode):
        self._called("put_file", path)
        found = self._path(account, path)
        found.parent.mkdir(mode=0o700, exist_ok=True)
        temporary = found.with_name(found.name + ".new")
        temporary.write_bytes(content)
        temporary.chmod(mode)
        temporary.rename(found)

    def list_folder(self, account, path):
        self._called("list_folder", path)
        found = self._path(account, path)
        return sorted(os.listdir(found)) if found.is_dir() else None

    def file_sha256(self, account, path):
        found = self._path(account, path)
        return hashlib.sha256(found.read_bytes()).hexdigest() if found.is_file() else None

    def holds_bundle(self, account, sha256, size):
        self._called("holds_bundle", account.user)
        return self.file_sha256(account, f"{FOLDER}/shop.bundle") == sha256

    def ensure_agent(self, account, files: SkeletonFiles):
        self._called("ensure_agent", account.user)
        assert files.launcher and files.agent
        self.put_file(account, f"{FOLDER}/agent.pyz", files.agent, 0o600)
        self.put_file(account, f"{FOLDER}/run", files.launcher, 0o700)

    def remove_agent(self, account):
        self._called("remove_agent", account.user)
        folder = self._home(account) / FOLDER
        if folder.is_symlink():
            # It goes, as on a real panel; what it leads to stays
            folder.unlink()
        elif folder.is_dir():
            for entry in folder.iterdir():
                entry.unlink()
            folder.rmdir()

    def ensure_cron(self, account, line):
        self._called("ensure_cron", account.user)
        self._home(account)
        if line not in self.crontabs[account.user]:
            self.crontabs[account.user].append(line)

    def cron_lines(self, account):
        self._called("cron_lines", account.user)
        self._home(account)
        return list(self.crontabs[account.user])

    def remove_cron(self, account, marker):
        self._called("remove_cron", account.user)
        kept = [line for line in self.crontabs[account.user] if not line.endswith(f"# {marker}")]
        self.crontabs[account.user] = kept

    def cron_interval_seconds(self, account):
        return self.cron_seconds

    def start_now(self, account, job_id, attempt, within_seconds):
        self._called("start_now", account.user, job_id, attempt)
        self._home(account)
        return self.started

    def site_address(self, account):
        return SiteAddress("127.0.0.1", self.port, self.tls_port)

    def request_tls(self, account):
        self._called("request_tls", account.user)
        self._home(account)
        return self.issues_certificates

    def ensure_skeleton(self, files):
        raise AssertionError("never called by a job")

    def skeleton_status(self):
        return self._skeleton

    def remove_skeleton(self):
        raise AssertionError("never called by a job")
