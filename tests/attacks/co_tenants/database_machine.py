"""A machine of its own for attacks on the agent's way into its database: own /tmp, /run and network."""

import json
import pwd
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from controller.agent_archive.build import PROJECT, fetch_wheels
from tests.support.servers.databases.mariadb import MariaDB

_IMPOSTOR = Path(__file__).with_name("impostor.py").read_text("utf-8")
ALICE, NAMELESS = 2_000_457, 2_000_999
#: A neighbour with a name, that of a user every system has: more cannot be added in there alone, for one that makes an
#: account meanwhile puts a new file of users in the place of the old.
MALLORY = pwd.getpwnam("nobody").pw_uid
#: Only so that a hang ends; nothing is measured by it.
HANG_SECONDS = 240
_PREPARE = """
mount -t tmpfs -o mode=755 tmpfs /run
mkdir /run/project
mount --bind "$1" /run/project
mount -t tmpfs -o mode=1777 tmpfs /tmp
[ ! -d /var/lib/mysql ] || mount -t tmpfs -o mode=755 tmpfs /var/lib/mysql
mkdir /run/mysqld && chown mysql /run/mysqld
ip link set lo up
echo ready
exec sleep infinity
"""
#: Everything is loaded as root, who may read the project wherever it lies; then it is the account that asks.
_ASK = """
import json, os, sys
sys.path[1:1] = json.loads(sys.argv[1])
from agent.database import access as database
from shared.errors import ShoplaunchError
import encodings.idna, socket
asked = json.loads(sys.stdin.read())
os.setgroups([])
os.setresgid(asked["uid"], asked["uid"], asked["uid"])
os.setresuid(asked["uid"], asked["uid"], asked["uid"])
try:
    connection = database.connect(asked["values"])
    rows = database.run(connection, asked["statement"])
    print(json.dumps({"rows": [[str(cell) for cell in row] for row in rows]}))
except ShoplaunchError as error:
    print(json.dumps({"code": error.code, "retryable": error.retryable, "message": error.message}))
"""


class Machine:
    """Namespaces of its own; a real MariaDB at `server.socket`, which /run/mysqld/mysqld.sock leads to."""

    def __init__(self):
        self.server = None
        self._impostors = []
        # Below /tmp nothing of the outside is seen in there
        self.folder = Path(tempfile.mkdtemp(prefix="sl-door-", dir="/var/tmp"))
        self.folder.chmod(0o755)
        self._holder = subprocess.Popen(
            ["unshare", "--mount", "--net", "sh", "-ec", _PREPARE, "sh", str(PROJECT)],
            stdout=subprocess.PIPE,
            text=True,
        )
        if self._holder.stdout.readline() != "ready\n":
            self.close()
            pytest.skip("no namespaces can be made here")

    def start_server(self):
        (self.folder / "mariadb").mkdir()
        self.server = MariaDB(self.folder / "mariadb")
        self.server.install()
        self.server.start()
        self.run("ln", "-s", self.server.socket, "/run/mysqld/mysqld.sock")
        return self.server

    def _inside(self, *command):
        return ["nsenter", "--target", str(self._holder.pid), "--mount", "--net", *map(str, command)]

    def run(self, *command):
        """Run a command as root in there; return what it says."""
        return subprocess.run(self._inside(*command), check=True, capture_output=True, text=True).stdout

    def impostor(self, uid=MALLORY, **how):
        """Return an Impostor that is ready; `how` as in tests.attacks.co_tenants.impostor."""
        self._impostors.append(Impostor(self._inside(), {"uid": uid, **how}))
        return self._impostors[-1]

    def tidy(self):
        """No impostor is left, nor anything in /tmp."""
        while self._impostors:
            self._impostors.pop().heard()
        self.run("find", "/tmp", "-mindepth", "1", "-delete")

    def ask(self, values, statement="SELECT 1", uid=ALICE):
        """Return what the account's agent gets from the database that `values` (names without `db.`) lead to."""
        known = {"host": "localhost", "port": "", "socket": "", "name": "shop", "user": "alice_shop", **values}
        document = {"uid": uid, "statement": statement, "values": {"db." + name: one for name, one in known.items()}}
        wheels = ["/run/project", *(f"/run/project/{path.relative_to(PROJECT)}" for path in fetch_wheels())]
        done = subprocess.run(
            self._inside(sys.executable, "-c", _ASK, json.dumps(wheels)), input=json.dumps(document),
            capture_output=True, text=True, check=True, timeout=HANG_SECONDS,
        )  # fmt: skip
        return json.loads(done.stdout)

    def close(self):
        self._holder.kill()
        self._holder.wait()
        self._holder.stdout.close()
        if self.server is not None:
            self.server.stop(hard=True)
        shutil.rmtree(self.folder)


class Impostor:
    """A neighbour's server; leave it with `heard()`."""

    def __init__(self, prefix, how):
        """Start it by the command line that begins with `prefix`; `how` as in tests.attacks.co_tenants.impostor."""
        # Its text, not its path: the project need not be found there
        command = [*prefix, sys.executable, "-I", "-S", "-c", _IMPOSTOR, json.dumps(how)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self._lines = []
        assert json.loads(self._process.stdout.readline()) == {"ready": True}

    def heard(self):
        """End it; return the packets it heard (list of bytes), and how many connections it got."""
        if self._process.poll() is None:
            self._process.terminate()
            self._lines += self._process.stdout.read().splitlines()
            self._process.wait()
            self._process.stdout.close()
        entries = [json.loads(line) for line in self._lines]
        packets = [bytes.fromhex(one.get("heard", one.get("rest", ""))) for one in entries]
        return [one for one in packets if one], sum("connected" in one for one in entries)
