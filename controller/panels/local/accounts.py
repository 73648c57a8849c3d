"""System accounts: find, create with `useradd` from the skeleton, repair, remove; foreign ones are never touched."""

from __future__ import annotations

import grp
import os
import pwd
import re
import stat
import time
from dataclasses import dataclass
from pathlib import Path

from controller.files import is_there
from controller.panels.local import commands, config_files, mounts, uids
from controller.panels.local.as_account.run import AsAccount, Identity
from controller.panels.local.settings import LocalSettings
from controller.panels.local.uids import FIRST_UID, LAST_UID
from controller.processes import Ended
from shared import system_users
from shared.errors import ShoplaunchError
from shared.job import FOLDER

USER = re.compile(r"[a-z][a-z0-9_]{0,30}\Z")
#: The comment field of accounts that this panel created: set by the same command that creates the account, and only
#: root can change it, so it survives any interruption.
MARK = "shoplaunch"
#: Apache serves the account as the account itself; nobody else needs access.
HOME_MODE = 0o750
DOCUMENT_ROOT_MODE = 0o750
PRIVATE_FOLDERS = (".php", ".php/sessions", ".php/tmp")
PHP_FOLDER = PRIVATE_FOLDERS[0]
_UID_IN_USE, _NAME_IN_USE = 4, 9
#: An account has no other ids than its own: a process under another id would not count as one of its processes.
_NO_OTHER_IDS = ("-K", "SUB_UID_COUNT=0", "-K", "SUB_GID_COUNT=0")
KILL_SECONDS = 20


@dataclass(frozen=True)
class SystemAccount:
    """The password database's entry of a hosting account that this panel may change."""

    user: str
    uid: int
    gid: int
    home: str
    is_managed: bool

    @property
    def group(self) -> str:
        """Return the name of the account's own group, its number when it has no name."""
        try:
            return grp.getgrgid(self.gid).gr_name
        except KeyError:
            return f"#{self.gid}"


class Accounts:
    """The server's hosting accounts below `home_base`."""

    def __init__(self, settings: LocalSettings) -> None:
        self._settings = settings

    def check_name(self, user: str) -> str:
        """Return `user` when it is valid as an account's name. Raises account_invalid."""
        if not USER.match(user):
            raise ShoplaunchError("account_invalid", f"not an account name: {user[:40]!r}")
        return user

    def find(self, user: str) -> SystemAccount | None:
        """Return the account, None when there is none. Raises account_invalid, account_foreign, OSError."""
        self.check_name(user)
        entry = system_users.find(pwd.getpwnam, user)
        same = None if entry is None else system_users.find(pwd.getpwuid, entry.pw_uid)
        if entry is None or same is None:
            return None
        expected = f"{self._settings.home_base.rstrip('/')}/{user}"
        if not FIRST_UID <= entry.pw_uid <= LAST_UID or entry.pw_gid < FIRST_UID:
            raise ShoplaunchError("account_foreign", f"{user} is an account of the system")
        if entry.pw_dir != expected:
            raise ShoplaunchError("account_foreign", f"the home of {user} is not {expected}")
        if same.pw_name != user:
            raise ShoplaunchError("account_foreign", f"{user} shares its number with another account")
        is_managed = entry.pw_gecos.split(",")[0] == MARK
        return SystemAccount(user=user, uid=entry.pw_uid, gid=entry.pw_gid, home=expected, is_managed=is_managed)

    def managed(self) -> list[SystemAccount]:
        """Return the accounts that this panel created, by name."""
        found = []
        for entry in pwd.getpwall():
            if entry.pw_gecos.split(",")[0] == MARK and USER.match(entry.pw_name):
                try:
                    account = self.find(entry.pw_name)
                except ShoplaunchError:
                    # An account elsewhere carries the mark; this panel does not manage it.
                    continue
                if account is not None:
                    found.append(account)
        return sorted(found, key=lambda account: account.user)

    def hands(self, account: SystemAccount) -> AsAccount:
        """Return the file operations below the account's home, run as the account.

        Raises account_foreign for a wrong home; home_closed, path_refused where the account has mounted something over
        it or over the agent's folder.
        """
        status = self._home_status(account)
        if status is None:
            raise ShoplaunchError("account_missing", f"{account.home} does not exist")
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != account.uid:
            raise ShoplaunchError("account_foreign", f"{account.home} is not a folder of {account.user}")
        if mounts.is_over(account.uid, f"{account.home}/{FOLDER}"):
            raise ShoplaunchError("path_refused", f"{account.user}: {FOLDER} is a file system of the account's own")
        return _as_account(account)

    def unmount(self, account: SystemAccount, folder: str) -> None:
        """Unmount everything the account has mounted over its home, and at `folder` in it or below ("": the home)."""
        base = account.home.rpartition("/")[0]
        if mounts.is_over(account.uid, account.home):
            mounts.detach(account.uid, base, account.home)
        mounts.detach(account.uid, base, f"{account.home}/{folder}".rstrip("/"))

    def ensure(self, user: str, *, create: bool) -> SystemAccount:
        """Return the account with its home and folders as they should be.

        Raises account_missing when there is none and `create` is off, account_foreign when `create` is on and somebody
        else created an account of that name.
        """
        # `useradd` is no single step: another process's half-made account must not look like an interrupted one.
        with config_files.exclusive(self._settings.state_folder, "accounts"):
            account = self.find(user)
            if account is None:
                if not create:
                    raise ShoplaunchError("account_missing", f"there is no account {user}")
                account = self._create(user)
            elif create and not account.is_managed:
                raise ShoplaunchError("account_foreign", f"{user} exists and was not made by this panel")
            if account.is_managed:
                self._ensure_home(account)
                if _expires(user):
                    # An interrupted removal has expired the account; cron would never start anything for it.
                    commands.run(["usermod", "--expiredate", "", user])
        self._ensure_folders(account)
        return account

    def _create(self, user: str) -> SystemAccount:
        settings = self._settings
        base = Path(settings.home_base)
        if not base.is_dir():
            raise ShoplaunchError("panel_refused", f"{base} does not exist")
        if base.stat().st_uid != 0 or base.stat().st_mode & 0o022:
            raise ShoplaunchError("panel_refused", f"{base} must belong to root and be writable for root alone")
        home = base / user
        try:
            is_taken = is_there(home)
        except OSError as problem:
            raise ShoplaunchError("panel_refused", f"{home} cannot be read: {problem.strerror}", True) from None
        if is_taken:
            raise ShoplaunchError("account_foreign", f"{home} exists already but the account does not")
        skeleton = settings.skeleton if Path(settings.skeleton).is_dir() else settings.skeleton_source
        command = ["useradd", "--create-home", "--user-group", "--home-dir", str(home), "--skel", skeleton]
        command += ["--shell", settings.shell, "--comment", MARK, "-K", f"HOME_MODE=0{HOME_MODE:o}", *_NO_OTHER_IDS]
        done = self._added([*command, "--uid"], user)
        # Lost a race: the account exists now, and the next check finds out who created it.
        if done.returncode not in (0, _NAME_IN_USE):
            raise ShoplaunchError("panel_refused", f"useradd ended with {done.returncode}: {commands.said(done)}")
        account = self.find(user)
        if account is None or not account.is_managed:
            raise ShoplaunchError("account_foreign", f"useradd did not make {user}: {commands.said(done)}")
        return account

    def _added(self, command: list[str], user: str) -> Ended:
        """Run `command` with a never used user id, and `user`; return its result."""
        while True:
            done = commands.attempt([*command, str(uids.reserve(self._settings.state_folder)), user])
            # Another process took the id meanwhile; the loop ends with the range of ids
            if done.returncode != _UID_IN_USE:
                return done

    def _home_status(self, account: SystemAccount) -> os.stat_result | None:
        # The account's own process would answer for this file system, and may never do so
        if mounts.is_over(account.uid, account.home):
            message = f"{account.user} has mounted a file system of its own over {account.home}"
            raise ShoplaunchError("home_closed", message)
        try:
            return Path(account.home).lstat()
        except FileNotFoundError:
            return None

    def _ensure_home(self, account: SystemAccount) -> None:
        """Finish an interrupted `useradd`: the home itself lies in root's folder, so root may create it."""
        home = Path(account.home)
        status = self._home_status(account)
        if status is None:
            home.mkdir(mode=0o700)
            status = home.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid not in (0, account.uid):
            raise ShoplaunchError("account_foreign", f"{home} is not a folder of {account.user}")
        if status.st_uid == 0:
            descriptor = os.open(home, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                os.fchown(descriptor, account.uid, account.gid)
            finally:
                os.close(descriptor)

    def _ensure_folders(self, account: SystemAccount) -> None:
        settings = self._settings
        wanted: list[tuple[str, int, int | None]] = [(".", HOME_MODE, None)] if account.is_managed else []
        wanted.append((settings.document_root, DOCUMENT_ROOT_MODE, None))
        wanted.extend((folder, 0o700, None) for folder in PRIVATE_FOLDERS)
        self.hands(account).folders(wanted)

    def remove(self, account: SystemAccount) -> None:
        """Remove home and account. The caller has ended everything that might still start something for it."""
        if not account.is_managed:
            raise ShoplaunchError("account_foreign", f"{account.user} was not made by this panel")
        with config_files.exclusive(self._settings.state_folder, "accounts"):
            self._remove(account)

    def _remove(self, account: SystemAccount) -> None:
        # Expired, not only locked: cron and PAM start nothing for it any more.
        commands.run(["usermod", "--lock", "--expiredate", "1", account.user])
        end_processes(account.uid, _as_account(account))
        self.unmount(account, "")
        if self._home_status(account) is not None:
            self.hands(account).remove(".")
            Path(account.home).rmdir()
        uids.retire(self._settings.state_folder, account.uid)
        commands.run(["userdel", account.user])
        (Path("/var/mail") / account.user).unlink(missing_ok=True)


def _as_account(account: SystemAccount) -> AsAccount:
    base, _, name = account.home.rpartition("/")
    return AsAccount(Identity(uid=account.uid, gid=account.gid, base=base or "/", name=name))


def _expires(user: str) -> bool:
    """Return whether the account has an expiry date."""
    for line in Path("/etc/shadow").read_text(errors="surrogateescape").splitlines():
        fields = line.split(":")
        if fields[0] == user:
            return fields[7] != ""
    return False


def end_processes(uid: int, hands: AsAccount) -> None:
    """End all processes of `uid`. Raises panel_refused when one does not die (stuck in the kernel)."""
    deadline = time.monotonic() + KILL_SECONDS
    while living_processes(uid):
        hands.kill_processes()
        if time.monotonic() > deadline:
            raise ShoplaunchError("panel_refused", f"processes of {hands.identity.name} do not end", True)


def living_processes(uid: int) -> list[int]:
    """Return the ids of the processes with a thread that runs as `uid`, without zombies.

    A process whose first thread has ended looks like a zombie while other threads of it go on.
    """
    return [int(folder.name) for folder in Path("/proc").glob("[0-9]*") if _is_living(folder, uid)]


def _is_living(process: Path, uid: int) -> bool:
    for thread in (process / "task").glob("[0-9]*/status"):
        try:
            status = thread.read_text(errors="replace")
        except OSError:
            # It ended during the check.
            continue
        lines = dict(line.split(":\t", 1) for line in status.split("\n") if ":\t" in line)
        if str(uid) in lines.get("Uid", "").split() and not lines["State"].startswith(("Z", "X")):
            return True
    return False
