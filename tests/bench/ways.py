"""The ways to a restored shop that are measured: by hand one after the other, by hand at once, the agent."""

import contextlib
import os
import resource
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from controller.agent_archive.build import build_agent
from tests.bench import search_replace
from tests.bench.disk import Disk
from tests.bench.material import KNOWN, pin
from tests.support.machine.resources import usage_of
from tests.support.servers.databases.mariadb import start_private, stop_private
from tests.support.servers.slow_disk import slow_down
from tests.support.servers.web.controller_stub import Controller
from tests.support.worlds.agent_box import Box, Keys

#: In addition to the tests' server of bundles: what MariaDB does by itself.
SERVER = ("--innodb-buffer-pool-size=128M", "--innodb-flush-log-at-trx-commit=1")
NEW_DOMAIN = "other-shop.example"
LONGEST_SECONDS = 3600
LOOK_SECONDS = 0.02


@dataclass
class Run:
    """One measured run: seconds, processor seconds of its own processes (not the server's), bytes fetched from the disk
    and written, and the largest sum of the processes' memory. Memory and reading are of runs that are looked at."""

    seconds: float
    cpu: float = 0.0
    read: int = 0
    written: int = 0
    pss: int = 0


#: A run's disk has room for the bundle and the tree this many times, and for this much besides.
ROOM, MORE_BYTES = 2, 1 << 30


class Bench:
    """One server and one agent; each run gets a disk (tests.bench.disk) and a database of its own.

    The agent is compiled for `pythons` (paths) besides this one, as an operator has it for what the servers have.
    """

    def __init__(self, pythons=()):
        self.server = start_private(SERVER)
        self.keys = Keys()
        self.controller = Controller()
        self.folder = Path(tempfile.mkdtemp(prefix="slbench"))
        self.folder.chmod(0o755)
        self.left = contextlib.ExitStack()
        self._disk = Disk(self.folder)
        self.left.callback(self._disk.remove)
        build_agent(self.folder / "agent.pyz", [self.keys.public], pythons=pythons)

    def close(self):
        """Remove everything."""
        self.left.close()
        self.controller.close()
        stop_private(self.server)
        shutil.rmtree(self.folder)

    def one_after_the_other(self, material):
        """A: unpack, import, replace the domain in the database."""
        target = self._new_disk(material)
        database = self._database()[0]
        started = time.perf_counter()
        subprocess.run(_tar(material, target), check=True)
        with material.dump.open("rb") as dump:
            subprocess.run(self._mariadb(database), stdin=dump, check=True)
        connection = self.server.root_connection(database)
        changed = search_replace.replace(connection, KNOWN["domain"], NEW_DOMAIN)
        connection.close()
        _flush(target)
        seconds = time.perf_counter() - started
        if not changed:
            raise RuntimeError("no row named the old domain")
        return Run(seconds)

    def at_once(self, material):
        """B: unpack and import at the same time, and nothing else."""
        target = self._new_disk(material)
        database = self._database()[0]
        cpu = _children_cpu()
        started = time.perf_counter()
        with material.dump.open("rb") as dump:
            importing = subprocess.Popen(self._mariadb(database), stdin=dump)
        subprocess.run(_tar(material, target), check=True)
        if importing.wait() != 0:
            raise RuntimeError("mariadb failed")
        _flush(target)
        return Run(time.perf_counter() - started, _children_cpu() - cpu)

    def agent(self, material, python=None, look=False, rate=None, files=None):
        """C: the agent, from the launcher's start to its own removal; with `python` that interpreter's.

        With `look` the bundle is in no cache, and the memory is looked at all the time, which makes it slower. With
        `rate` no more than so many bytes a second come from the disk and go to it. `files` are another agent and its
        launcher.
        """
        database, user, password = self._database()
        base = self._new_disk(material) / "accounts"
        base.mkdir(mode=0o755)
        agent, launcher = files or (self.folder / "agent.pyz", None)
        with contextlib.closing(Box(self.controller, self.keys, agent, base)) as box:
            if launcher is not None:
                (box.folder / "run").write_bytes(launcher.read_bytes())
            self._populate(box, material, (database, user, password))
            if rate is not None:
                slow_down(box.home, rate)
            return self._restore(box, python, look)

    def _populate(self, box, material, access):
        database, user, password = access
        shutil.copy(material.bundle, box.folder / "shop.bundle")
        box.pin = pin(material)
        box.own()
        values = {"db.name": database, "db.user": user, "db.password": password, "db.socket": self.server.socket}
        own = {"root": str(box.root), "home": str(box.home), "db.host": "localhost", "db.port": ""}
        box.drop(values={**material.values, **own, **values})

    def _restore(self, box, python, look):
        _flush(box.home)
        if look:
            _forget(box.folder / "shop.bundle")
        process = box.start(*([] if python is None else ["run"]), python=python)
        used = usage_of(process, LONGEST_SECONDS, LOOK_SECONDS if look else None)
        if process.returncode != 0:
            raise RuntimeError(f"the agent ended with {process.returncode}: {self.controller.events[-1]}")
        return Run(used.seconds, used.cpu, used.disk_read, used.written, used.pss)

    def _database(self):
        database, user, password = self.server.new_database()
        self.left.callback(self.server.query, f"DROP DATABASE `{database}`")
        return database, user, password

    def _new_disk(self, material):
        size = material.bundle.stat().st_size + material.tree_bytes
        return self._disk.renew(ROOM * size + MORE_BYTES)

    def _mariadb(self, database):
        return ["mariadb", "--no-defaults", "-uroot", f"-S{self.server.socket}", database]


def _tar(material, target):
    return ["tar", "-xzf", str(material.archive), "-C", str(target)]


def _flush(folder):
    """Everything written to the file system of `folder` is on its disk, as it is when the agent has ended."""
    subprocess.run(["sync", "-f", str(folder)], check=True)


def _forget(path):
    """The kernel keeps nothing of the file at `path` (Path) in memory."""
    with path.open("rb") as stream:
        os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _children_cpu():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
