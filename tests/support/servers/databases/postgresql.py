"""A private PostgreSQL for tests: own data directory, own socket, nothing shared with the machine's server."""

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

import psycopg

from controller.panels.local.private_stack.stack import free_port

START_SECONDS = 120
#: The server refuses to run as root.
USER = "postgres"
_ROLE = {"user": USER, "group": USER, "extra_groups": ()}
#: The role of every database that tests make: what one of them made may become the template of another.
OWNER, PASSWORD = "shoplaunch", "p'%\\ 4711"
#: Speed: nothing has to outlive the machine.
_QUICK = (
    "fsync=off", "full_page_writes=off", "synchronous_commit=off", "autovacuum=off", "jit=off", "wal_level=minimal",
    "max_wal_senders=0", "shared_buffers=32MB", "max_connections=300", "checkpoint_timeout=1h",
)  # fmt: skip


def binaries():
    """Return the folder with the newest server's programs."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: float(folder.parent.name))
    return folders[-1]


class PostgreSQL:
    """A running server; `directory` is the folder of its socket, reachable by every user of the machine. Its superuser
    has no password at the socket; at the port of this machine everybody logs in by SCRAM."""

    def __init__(self, directory, options=()):
        self.directory = Path(directory)
        self.data = self.directory / "data"
        self.options = list(options)
        self.port = free_port()
        self.process = None

    def install(self, *more):
        """Make the data directory; `more` are options it has to be made with."""
        user = pwd.getpwnam(USER)
        os.chown(self.directory, user.pw_uid, user.pw_gid)
        self.directory.chmod(0o755)
        subprocess.run(
            [binaries() / "initdb", f"--pgdata={self.data}", f"--username={USER}", "--encoding=UTF8",
             "--locale=C.UTF-8", "--auth-local=trust", "--auth-host=scram-sha-256", "--no-sync", "--no-instructions",
             *more],
            check=True, stdout=subprocess.DEVNULL, cwd=self.directory, **_ROLE,
        )  # fmt: skip

    def start(self, *more):
        """Start the server with its options and `more` ("name=value"); return once it answers."""
        place = (f"unix_socket_directories={self.directory}", "listen_addresses=127.0.0.1", f"port={self.port}")
        settings = [*_QUICK, *place, *self.options, *more]
        command = [binaries() / "postgres", "-D", self.data, *(word for one in settings for word in ("-c", one))]
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.directory, **_ROLE)
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.connection().close()
                break
            except psycopg.OperationalError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise
                time.sleep(0.02)
        if not self.query("SELECT 1 FROM pg_roles WHERE rolname = %s", OWNER):
            self.query(f"CREATE ROLE {OWNER} LOGIN CREATEDB PASSWORD '{PASSWORD.replace(chr(39), chr(39) * 2)}'")

    def stop(self, hard=False):
        """Stop the server; with `hard` it is as after a crash."""
        if self.process is None:
            return
        # SIGKILL would leave its children
        self.process.send_signal(signal.SIGQUIT if hard else signal.SIGINT)
        self.process.wait(120)
        self.process = None

    def connection(self, database=USER):
        """Return a new connection as superuser, autocommit on."""
        return psycopg.connect(host=str(self.directory), port=self.port, user=USER, dbname=database, autocommit=True)

    def query(self, sql, *params, database=USER):
        """Run one statement as superuser; return its rows."""
        with self.connection(database) as connection:
            found = connection.execute(sql, params or None)
            return found.fetchall() if found.description else []

    def url(self, database, user=OWNER):
        """Return the URL of the database by the socket."""
        return f"postgresql://{user}:{quote(PASSWORD, safe='')}@/{database}?host={self.directory}&port={self.port}"

    def url_of_port(self, database):
        """Return the URL of the database by the port."""
        return f"postgresql://{OWNER}:{quote(PASSWORD, safe='')}@127.0.0.1:{self.port}/{database}"

    def new_database(self, template="template1"):
        """Return the name of a new database of OWNER's: an empty one, or a copy of `template`."""
        name = "t" + secrets.token_hex(6)
        self.query(f"CREATE DATABASE {name} OWNER {OWNER} TEMPLATE {template}")
        return name

    def drop_database(self, database):
        """The database is not there, though somebody was still at work in it."""
        self.query(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")


def start_private(options=()):
    """Return a running PostgreSQL in a new temporary directory; end it with `stop_private`."""
    server = PostgreSQL(tempfile.mkdtemp(prefix="shoplaunch-postgresql-"), options)
    server.install()
    server.start()
    return server


def stop_private(server):
    """Stop the server and remove everything it wrote."""
    server.stop(hard=True)
    shutil.rmtree(server.directory)
