"""A private MariaDB for tests: own data directory, own socket, nothing shared with the machine's server."""

import atexit
import functools
import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pymysql

from agent.database.ledger import UNKNOWN_THREAD

START_SECONDS = 180
LONGEST_END_SECONDS = 30
#: Options for a server that makes thousands of tables in a run: a file for each takes longer than the rows in it.
FEW_FILES = ("--innodb-file-per-table=0",)
#: (folder, the process that made it) of what is copied.
_templates = []


class MariaDB:
    """A running mariadbd; `socket` is reachable by every user of the machine, root has no password."""

    def __init__(self, directory, options=()):
        self.directory = Path(directory)
        self.data = self.directory / "data"
        self.socket = str(self.directory / "mysql.sock")
        self.options = list(options)
        self.process = None

    def install(self, *more):
        """Make the data directory; `more` are options it has to be made with, without any it is copied."""
        user = pwd.getpwnam("mysql")
        # A starting server deletes every temporary table in its folder: in /tmp those of its neighbours, too.
        for path in (self.data, self.directory / "tmp"):
            path.mkdir()
        for path in (self.directory, self.data, self.directory / "tmp"):
            os.chown(path, user.pw_uid, user.pw_gid)
        self.directory.chmod(0o755)
        if not more:
            copy_data(new_data(), self.data)
            return
        subprocess.run(
            ["mariadb-install-db", "--no-defaults", "--user=mysql", f"--datadir={self.data}",
             f"--tmpdir={self.directory}/tmp", "--auth-root-authentication-method=normal", "--skip-test-db", *more],
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def start(self, *more):
        """Start the server with its options and `more`; return once it answers."""
        null = subprocess.DEVNULL
        self.process = subprocess.Popen([*self.command(), *self.options, *more], stdout=null, stderr=null)
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.root_connection().close()
                return
            except pymysql.err.OperationalError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise
                time.sleep(0.05)

    def command(self):
        """Return the command line without the test's own options."""
        return [
            "mariadbd", "--no-defaults", "--user=mysql", f"--datadir={self.data}", f"--socket={self.socket}",
            f"--tmpdir={self.directory}/tmp", "--innodb-buffer-pool-size=64M", "--innodb-flush-log-at-trx-commit=0",
            "--innodb-log-file-size=32M", "--skip-networking", *certificate_options(),
            f"--pid-file={self.directory}/mysql.pid", f"--log-error={self.directory}/error.log",
        ]  # fmt: skip

    def stop(self, hard=False):
        """Stop the server; `hard` is a SIGKILL."""
        if self.process is None:
            return
        if hard:
            self.process.kill()
        else:
            self.process.terminate()
        self.process.wait(120)
        self.process = None

    def root_connection(self, database=None):
        """Return a new PyMySQL connection as root, autocommit on."""
        # Without TLS, which a socket does not need: to make ready for it takes longer than most statements
        return pymysql.connect(
            unix_socket=self.socket,
            user="root",
            database=database,
            charset="utf8mb4",
            autocommit=True,
            ssl_disabled=True,
        )

    def query(self, sql, *params, database=None):
        """Run one statement as root; return its rows."""
        connection = self.root_connection(database)
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql, params or None)
                return cursor.fetchall()
        finally:
            connection.close()

    def end_connections(self, database):
        """Every connection to `database` is ended, and gone: a table being made would outlive a DROP."""
        listed = "SELECT id FROM information_schema.processlist WHERE db = %s"
        until = time.monotonic() + LONGEST_END_SECONDS
        while numbers := self.query(listed, database):
            if time.monotonic() > until:
                raise RuntimeError(f"connections to {database} do not end: {numbers}")
            for (number,) in numbers:
                try:
                    self.query(f"KILL {number}")
                except pymysql.err.OperationalError as error:
                    # One has come to its end meanwhile
                    if error.args[0] != UNKNOWN_THREAD:
                        raise
            time.sleep(0.01)

    def drop_database(self, database):
        """`database` is not there, though somebody was still at work in it."""
        self.end_connections(database)
        self.query(f"DROP DATABASE IF EXISTS `{database}`")

    def new_database(self):
        """Return (database, user, password) of a new empty database whose user has all privileges on it."""
        name = "t" + secrets.token_hex(6)
        password = "p'%\\" + secrets.token_hex(8)
        self.query(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4")
        self.query(f"CREATE USER `{name}`@localhost IDENTIFIED BY %s", password)
        self.query(f"GRANT ALL ON `{name}`.* TO `{name}`@localhost")
        return name, name, password


def copy_data(source, target):
    """Copy a data directory with its owners; what was never written takes no place."""
    subprocess.run(["cp", "-a", "--sparse=always", f"{source}/.", str(target)], check=True)


@functools.cache
def new_data():
    """Return a data directory to be copied, made once in a process: to make one takes as long as to restore a shop."""
    made = MariaDB(template_folder())
    made.install("--innodb-log-file-size=32M")
    return made.data


@functools.cache
def certificate_options():
    """Return the options of a certificate made once in a process: a server without one makes a key whenever it starts,
    which takes seconds."""
    folder = Path(template_folder())
    folder.chmod(0o755)
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    # Signed by itself, as the server would: its own programs take no other unless they are asked to
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-subj", "/CN=MariaDB Server", "-days", "10", "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    key.chmod(0o644)
    return f"--ssl-cert={certificate}", f"--ssl-key={key}"


def template_folder():
    """Return a new folder that goes with this process."""
    folder, owner = tempfile.mkdtemp(prefix="shoplaunch-template-"), os.getpid()
    _templates.append((folder, owner))
    return folder


def remove_templates():
    """What was made in this process to be copied is gone."""
    for folder, owner in _templates:
        if owner == os.getpid():
            shutil.rmtree(folder, ignore_errors=True)


def start_private(options=()):
    """Return a running MariaDB in a new temporary directory; end it with `stop_private`."""
    server = MariaDB(tempfile.mkdtemp(prefix="shoplaunch-mariadb-"), options)
    server.install()
    server.start()
    return server


def stop_private(server):
    """Stop the server and remove everything it wrote."""
    server.stop(hard=True)
    shutil.rmtree(server.directory)


atexit.register(remove_templates)
