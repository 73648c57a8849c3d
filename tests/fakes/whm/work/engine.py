"""Does the work for real: accounts, sites and PHP by the local panel, databases by SQL, crontabs by `crontab`."""

import os
import shutil
import socket
import subprocess

import pymysql

from controller.account import Account
from controller.panels.local import commands
from controller.panels.local.accounts import Accounts
from controller.panels.local.crontab import Crontab
from controller.panels.local.private_stack.stack import free_port
from controller.panels.local.services.apache import Sites
from controller.panels.local.services.php_fpm import Pools
from tests.fakes.whm.work import hands
from tests.fakes.whm.work.more_sites import MoreSites
from tests.fakes.whm.work.tls_sites import TlsSites
from tests.support.servers.local_server import LocalServer, end_account

CLIENT_CONFIGURATION = "[client]\nsocket={socket}\n"
#: A program that is never asked whether it understands a configuration: the panel that writes it is tested elsewhere.
_UNASKED = """#!/bin/sh
for word; do [ "$word" != -t ] || exit 0; done
exec {program} "$@"
"""


class Engine:
    """The machine behind one double: `ip` is an address of this machine nobody else uses."""

    def __init__(self, ip):
        self.ip = ip
        self.http_port = 80 if can_bind(ip, 80) else 0
        self.server = LocalServer(http_ip=ip, http_port=self.http_port)
        self.root_skeleton = self.server.directory / "root" / "cpanel3-skel"

    def start(self):
        """The services run; root's skeleton is there."""
        self.server.start()
        self.http_port = self.server.stack.http_port
        self._unasked = self._services_unasked()
        port = 443 if can_bind(self.ip, 443) else free_port(self.ip)
        self.tls = TlsSites(self.server.settings(), self.ip, port)
        self.more = MoreSites(self.server.settings())
        for name in ("public_html/cgi-bin", "public_ftp", "etc"):
            (self.root_skeleton / name).mkdir(parents=True, exist_ok=True)

    def stop(self, hostings):
        """Nothing is left; without its services an account is gone at once."""
        self.server.stack.stop()
        for hosting in hostings:
            end_account(hosting.user)
        self.server.stop()

    def _services_unasked(self):
        """Return the panel's settings under which sites are written without Apache and PHP having been asked before:
        that takes longer than everything else about an account."""

        def unasked(command):
            program = self.server.directory / f"unasked-{os.path.basename(command[0])}"
            program.write_text(_UNASKED.format(program=command[0]))
            program.chmod(0o755)
            return [str(program), *command[1:]]

        known = self.server.stack.local_settings()
        php = [{**one, "command": unasked(one["command"])} for one in known["php"]]
        return {"apache": unasked(known["apache"]), "php": php}

    def base(self, name):
        """Return the folder of homes of that name, made when missing."""
        path = self.server.directory / name
        path.mkdir(mode=0o755, exist_ok=True)
        return str(path)

    # -- accounts ----------------------------------------------------------------------------------------------------

    def panel(self, hosting, **more):
        """Return a local panel that looks after `hosting`."""
        places = {"home_base": hosting.base, "document_root": hosting.document_root}
        return self.server.panel(**self._unasked, **places, **more)

    def record(self, hosting):
        """Return the local panel's idea of the account."""
        return Account(hosting.user, hosting.home, hosting.document_root_path, hosting.domain)

    def create(self, hosting, skeleton):
        """The account, its home from `skeleton`, its site and its PHP are there."""
        panel = self.panel(hosting, skeleton=str(skeleton))
        panel.ensure_account(hosting.user, hosting.domain, create=True, email=hosting.email)
        configuration = CLIENT_CONFIGURATION.format(socket=self.server.stack.mariadb_socket)
        # The machine's own client configuration, which private services cannot have in /etc.
        panel.put_file(self.record(hosting), ".my.cnf", configuration.encode(), 0o600)

    def make_skeleton(self, hosting):
        """A reseller has an empty skeleton of its own."""
        for name in ("cpanel3-skel", "cpanel3-skel/public_html", "cpanel3-skel/public_ftp"):
            if hands.run(hosting, "stat", f"{hosting.home}/{name}") is None:
                hands.run(hosting, "mkdir", f"{hosting.home}/{name}", mode=0o755)

    def rename(self, hosting, new):
        """Account, group, home, crontab and site go by the name `new`."""
        old, settings = hosting.user, self.panel(hosting)._settings
        crontab = self.crontab(old)
        self.write_crontab(old, "")
        self.tls.remove(old)
        self.more.remove(old)
        Sites(settings).remove(old)
        Pools(settings).remove(old)
        Accounts(settings).hands(Accounts(settings).find(old)).kill_processes()
        commands.run(["usermod", "--login", new, "--home", f"{hosting.base}/{new}", "--move-home", old])
        commands.run(["groupmod", "--new-name", new, old])
        self.panel(hosting).ensure_account(new, hosting.domain, create=True, email=hosting.email)
        self.write_crontab(new, crontab)

    def remove(self, hosting):
        """Account, home, site, crontab, databases and their users are gone."""
        for user in list(hosting.database_users):
            self.sql("DROP USER IF EXISTS %s@'localhost'", user)
        for database in list(hosting.databases):
            self.sql(f"DROP DATABASE IF EXISTS `{database}`")
        self.tls.remove(hosting.user)
        self.more.remove(hosting.user)
        # Root removes also what root put there.
        subprocess.run(["chown", "-hR", f"{hosting.user}:", hosting.home], capture_output=True, check=False)
        self.panel(hosting).remove_account(self.record(hosting))

    def suspend(self, hosting, suspended):
        """The account can log in nowhere, and cron starts nothing for it; or everything as before."""
        commands.run(["usermod", "--expiredate", "1" if suspended else "", hosting.user])
        for user in hosting.database_users:
            self.sql(f"ALTER USER %s@'localhost' ACCOUNT {'LOCK' if suspended else 'UNLOCK'}", user)

    def php_versions(self):
        """Return the names of the PHP versions, newest first: ea-php84."""
        return [f"ea-php{php.version.replace('.', '')}" for php in self.server.settings().php]

    def set_php(self, hosting, name):
        """The account's site runs under the PHP `name` (ea-php84)."""
        version = next(php.version for php in self.server.settings().php if name == _package_name(php))
        self.panel(hosting).ensure_php(self.record(hosting), version, version, ())
        self.more.serve(hosting)
        if hosting.certificate:
            self.tls.serve(hosting.user, hosting.certificate)

    def disk_used(self, hosting):
        """Return (megabytes, inodes) of the home."""
        done = subprocess.run(["du", "-sm", hosting.home], capture_output=True, text=True, check=False)
        inodes = sum(len(folders) + len(files) for _, folders, files in os.walk(hosting.home))
        return int(done.stdout.split()[0]) if done.stdout else 0, inodes

    def without_execute(self, skeleton):
        """Return a copy of a skeleton whose files have lost their executable bits."""
        copy = self.server.directory / "skeleton-without-execute"
        if copy.exists():
            shutil.rmtree(copy)
        shutil.copytree(skeleton, copy, symlinks=True)
        for path in copy.rglob("*"):
            if path.is_file() and not path.is_symlink():
                path.chmod(path.stat().st_mode & ~0o111)
        return copy

    # -- databases and crontabs --------------------------------------------------------------------------------------

    def sql(self, statement, *params):
        """Run one statement as the database's root; return its rows."""
        return self.server.query(statement, *params)

    def logs_in(self, user, password, database=None):
        """Return whether a database user can log in."""
        try:
            pymysql.connect(
                unix_socket=str(self.server.stack.mariadb_socket),
                user=user,
                password=password.encode(),
                database=database,
                ssl_disabled=True,
            ).close()
        except pymysql.MySQLError:
            return False
        return True

    def crontab(self, user):
        """Return the account's crontab as text."""
        return Crontab(self.server.settings(), user).read().decode("utf-8", "surrogateescape")

    def write_crontab(self, user, text):
        """The account's crontab is `text`; there is none when that is empty."""
        if not text:
            Crontab(self.server.settings(), user).remove_all()
            return
        commands.run(["crontab", "-u", user, "-"], content=text.encode("utf-8", "surrogateescape"))


def can_bind(ip, port):
    """Return whether nobody holds this address and port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ip, port))
        except OSError:
            return False
    return True


def _package_name(php):
    return f"ea-php{php.version.replace('.', '')}"
