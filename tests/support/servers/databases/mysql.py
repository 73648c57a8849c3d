"""A private MySQL for tests; SHOPLAUNCH_TEST_MYSQL names its mysqld, otherwise one that is installed is taken."""

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.support.servers.databases.mariadb import MariaDB

BINARY = "SHOPLAUNCH_TEST_MYSQL"
HINT = f"no MySQL here: {BINARY} names no mysqld, and none is installed"


def find():
    """Return the path of a MySQL server's binary, None when there is none. MariaDB's mysqld is not taken."""
    named = os.environ.get(BINARY) or shutil.which("mysqld", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if not named:
        return None
    said = subprocess.run([named, "--no-defaults", "--version"], capture_output=True, text=True, check=True).stdout
    return None if "mariadb" in said.lower() else named


class MySQL(MariaDB):
    """A running mysqld; root has no password."""

    def __init__(self, directory, options=()):
        super().__init__(directory, options)
        self.binary = find()
        # Next to the binary, for one that is not installed where it was built for
        prefix = Path(self.binary).resolve().parents[1]
        self._places = [f"--basedir={prefix}"]
        if (prefix / "lib/mysql/plugin").is_dir():
            self._places.append(f"--plugin-dir={prefix}/lib/mysql/plugin")

    def install(self, *more):
        """Make the data directory; `more` are options it has to be made with."""
        user = pwd.getpwnam("mysql")
        (self.directory / "tmp").mkdir()
        for path in (self.directory, self.directory / "tmp"):
            os.chown(path, user.pw_uid, user.pw_gid)
        self.directory.chmod(0o755)
        subprocess.run(
            [self.binary, "--no-defaults", *self._places, "--initialize-insecure", "--user=mysql",
             f"--datadir={self.data}", f"--tmpdir={self.directory}/tmp", *more],
            check=True, capture_output=True,
        )  # fmt: skip

    def command(self):
        """Return the command line without the test's own options."""
        return [
            self.binary, "--no-defaults", *self._places, "--user=mysql", f"--datadir={self.data}",
            f"--socket={self.socket}", f"--tmpdir={self.directory}/tmp", "--innodb-buffer-pool-size=64M",
            "--innodb-flush-log-at-trx-commit=0", "--disable-log-bin", "--mysqlx=OFF", "--secure-file-priv=NULL",
            "--skip-networking",
            f"--pid-file={self.directory}/mysql.pid", f"--log-error={self.directory}/error.log",
        ]  # fmt: skip


def start_private(options=()):
    """Return a running MySQL in a new temporary directory; `mariadb.stop_private` ends it."""
    server = MySQL(tempfile.mkdtemp(prefix="shoplaunch-mysql-"), options)
    server.install()
    server.start()
    return server
