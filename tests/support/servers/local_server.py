"""A whole hosting server of one's own for tests: private services, own home base, accounts that go away again."""

import functools
import http.client
import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from controller.panels.base import SkeletonFiles
from controller.panels.local import commands
from controller.panels.local.driver import LocalPanel
from controller.panels.local.private_stack.config import install_mariadb
from controller.panels.local.private_stack.stack import Stack
from controller.panels.local.settings import LocalSettings
from tests.support.servers.databases.mariadb import certificate_options, copy_data, template_folder
from tests.support.worlds.accounts import remove_account

FILES = SkeletonFiles(launcher=b"#!/bin/sh\nexit 0\n", agent=b"PK not really an agent\n" * 500)
#: Hundreds of shops are made in a run: each is 14 MB on the disk instead of 40, the log 32 MB instead of 96.
SMALL_DATABASE = ("--innodb-log-file-size=32M", "--innodb-file-per-table=0")
_OPTIONS = ("--innodb-buffer-pool-size=64M", "--innodb-flush-log-at-trx-commit=0", *SMALL_DATABASE)


class LocalServer:
    """A running stack with the local panel on it; `stop` removes every account, process and file.

    Its sites are served at `http_ip`:`http_port` (0: any free port).
    """

    def __init__(self, http_ip="127.0.0.1", http_port=0):
        self.directory = Path(tempfile.mkdtemp(prefix="shoplaunch-server-"))
        self.directory.chmod(0o755)
        self.home_base = self.directory / "home"
        self.home_base.mkdir(mode=0o755)
        self.stack = Stack(
            self.directory / "stack",
            http_port,
            mariadb_options=(*_OPTIONS, *certificate_options()),
            home_base=str(self.home_base),
            http_ip=http_ip,
        )
        self._users = []
        self._known = None

    def start(self):
        """Start the services."""
        copy_new_data(self.stack)
        self.stack.start()
        # It has chosen its port
        self._known = None
        return self

    def stop(self):
        """Remove everything; without its services an account is gone at once."""
        try:
            self.stack.stop()
            for user in self._users:
                end_account(user)
        finally:
            self.stack.remove()
            shutil.rmtree(self.directory)

    def settings(self, **changes):
        """Return the panel's settings, with `changes`."""
        # Asked once: each PHP is started to learn its version
        self._known = self._known or self.stack.local_settings()
        return LocalSettings.from_dict({**self._known, **changes})

    def panel(self, **changes):
        """Return a new driver object."""
        return LocalPanel(self.settings(**changes))

    def new_user(self):
        """Return an account name nobody has; an account made with it is removed at the end."""
        return self.known_user("slt" + secrets.token_hex(5))

    def known_user(self, user):
        """Return `user`; an account made with that name is removed at the end."""
        self._users.append(user)
        return user

    def new_account(self):
        """Return a new account with its site."""
        user = self.new_user()
        return self.panel().ensure_account(user, f"{user}.test", create=True, email="owner@example.com")

    def get(self, host, path="/"):
        """Return (status, body bytes) of an HTTP request to the private Apache."""
        connection = http.client.HTTPConnection(self.stack.http_ip, self.stack.http_port, timeout=120)
        try:
            connection.request("GET", path, headers={"Host": host})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def query(self, sql, *params):
        """Run one statement as the database's root; return its rows."""
        import pymysql

        door = {"unix_socket": str(self.stack.mariadb_socket), "ssl_disabled": True}
        connection = pymysql.connect(user="root", autocommit=True, **door)
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql, params or None)
                return cursor.fetchall()
        finally:
            connection.close()


@functools.cache
def new_stacks_data():
    """Return the folder of a private MariaDB that a stack has made, once in a process: it takes as long as a shop."""
    folder = Path(template_folder())
    folder.chmod(0o755)
    install_mariadb(folder / "mariadb")
    return folder / "mariadb"


def copy_new_data(stack):
    """A stack that was never started finds its new database made."""
    if not stack.mariadb.exists():
        stack.mariadb.mkdir(parents=True)
        stack.directory.chmod(0o755)
        copy_data(new_stacks_data(), stack.mariadb)


def end_account(user):
    """The account `user` is gone with its crontab and its processes, its home stays; no service knows it any more."""
    quiet = {"capture_output": True, "check": False}
    if subprocess.run(["getent", "passwd", user], **quiet).returncode == 0:
        subprocess.run(["crontab", "-u", user, "-r"], **quiet)
        remove_account(user, lambda: subprocess.run(["pkill", "-KILL", "-u", user], **quiet))


def as_user(user, *command, **options):
    """Run a command as the account `user`; return the finished process."""
    entry = pwd.getpwnam(user)
    return subprocess.run(
        command, user=entry.pw_uid, group=entry.pw_gid, extra_groups=[], cwd="/", capture_output=True, **options
    )


def reload(command):
    """Carry out a service's command to read its files again; while PHP starts anew it may not be found for a moment."""
    deadline = time.monotonic() + 120
    while (done := commands.attempt(command)).returncode != 0:
        assert time.monotonic() < deadline, done.stderr
        time.sleep(0.02)


def snapshot(*paths):
    """Return what tells whether anything below `paths` was touched: inode, mode, owner, times, size of each entry."""
    seen = {}
    for top in paths:
        entries = [str(top)]
        for folder, folders, files in os.walk(top):
            entries += [os.path.join(folder, name) for name in folders + files]
        for path in entries:
            status = os.lstat(path)
            seen[path] = (
                *(status.st_ino, status.st_mode, status.st_uid, status.st_gid),
                *(status.st_mtime_ns, status.st_ctime_ns, status.st_size),
            )
    return seen
