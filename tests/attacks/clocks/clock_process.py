"""A worker in a process of its own, with a clock of its own; panel and mail are shared by files with its neighbours.

Called as a program: `python -m tests.attacks.clocks.clock_process FOLDER URL NAME PORT HOLD...` works for the
installation in FOLDER whose database is URL until it is killed. Its home is `home` in FOLDER, or what HOME_HERE names.
It stays within the first call of each HOLD ("method:account") until the file "go" for it is there, and counts its looks
for due jobs and its renewals of leases in files.
"""

import fcntl
import json
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from controller.billing.base import Billing
from controller.db.connection.engine import make_engine
from controller.jobs.intake.installation import Installation
from controller.jobs.intake.service import Service
from controller.keys import load_keys
from controller.settings.loading import load_config
from tests.fakes.folder_panel import FolderPanel
from tests.support.waiting import wait_until
from tests.support.worlds.world import Agent, World

PROJECT = Path(__file__).parents[3]
#: The variable that names another home.
HOME_HERE = "SHOPLAUNCH_TEST_HOME"
KEPT = ("accounts", "databases", "users", "grants", "crontabs")
#: What only stops a test that hangs.
SECONDS = 120


class Notes:
    """What the processes of one installation tell each other, in files of `folder`."""

    def __init__(self, folder, name, hold=()):
        self.folder, self.name, self._hold = Path(folder), name, hold

    def count(self, what):
        """One more of `what` by this process."""
        with (self.folder / f"{what}-{self.name}").open("ab") as stream:
            stream.write(b".")

    def counted(self, what, name):
        """Return how many of `what` there were by process `name`."""
        path = self.folder / f"{what}-{name}"
        return path.stat().st_size if path.exists() else 0

    def called(self, method, about):
        """Note the call, and stay within it where this process shall."""
        with (self.folder / "calls").open("a") as stream:
            stream.write(json.dumps([method, about, self.name]) + "\n")
        held = f"{method}:{about}"
        if held not in self._hold or (self.folder / f"in {held}").exists():
            return
        (self.folder / f"in {held}").touch()
        while not (self.folder / f"go {held}").exists():
            time.sleep(0.01)

    def calls(self, method, about):
        """Return by whom `method` was called for `about`."""
        path = self.folder / "calls"
        lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        return [name for found, of, name in lines if (found, of) == (method, about)]


class SharedPanel(FolderPanel):
    """A FolderPanel of several processes: each call reads and writes what all know."""

    def __init__(self, base, port, notes):
        super().__init__(base, port)
        self._notes = notes
        self._shared = threading.RLock()
        #: How many calls within each other this thread is in, as `depth`.
        self._within = threading.local()
        for name, found in vars(FolderPanel).items():
            if callable(found) and not name.startswith("_") and name != "fail":
                setattr(self, name, self._sharing(name, getattr(self, name)))

    def _sharing(self, name, real):
        def called(*arguments, **more):
            depth = getattr(self._within, "depth", 0)
            if name.startswith("ensure_") and depth == 0:
                self._notes.called(name, getattr(arguments[0], "user", arguments[0]))
            with self._shared, (self._notes.folder / "panel.lock").open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX) if depth == 0 else None
                self._within.depth = depth + 1
                try:
                    self._read()
                    result = real(*arguments, **more)
                    self._write()
                    return result
                finally:
                    self._within.depth = depth

        return called

    def _read(self):
        path = self._notes.folder / "panel"
        if self._within.depth == 1 and path.exists():
            self.__dict__.update(pickle.loads(path.read_bytes()))

    def _write(self):
        new = self._notes.folder / "panel.new"
        new.write_bytes(pickle.dumps({name: getattr(self, name) for name in KEPT}))
        new.rename(self._notes.folder / "panel")


class SharedMail(Billing):
    """A notification of a client is a call that was noted."""

    def __init__(self, notes):
        self._notes = notes

    def hand_over(self, news):
        self._notes.called("hand_over", news.domain)

    def alarm(self, news):
        self._notes.called("alarm", news.domain)


class SharedWorld(World):
    """An installation on the database at `url` by whose clock all its processes go; the test plays its agents."""

    def __init__(self, folder, url):
        super().__init__(folder, make_engine(url))
        self.url = url
        self.notes = Notes(folder, "test")
        self.clock = time.time
        self.panel = SharedPanel(folder / "accounts", self.site.port, self.notes)
        self.service = Service(
            Installation(
                self.config,
                self.engine,
                self.keys,
                panel_of=lambda _config, _server: self.panel,
                billing=SharedMail(self.notes),
            )
        )
        self._processes = {}

    def start(self, name, environment, *hold):
        """Start a worker with this environment; return its process."""
        log = (self.folder / f"log-{name}").open("wb")
        command = [sys.executable, "-m", "tests.attacks.clocks.clock_process", str(self.folder), self.url, name]
        with log:
            process = subprocess.Popen(
                [*command, str(self.site.port), *hold], cwd=PROJECT, stdout=log, stderr=log, start_new_session=True,
                env={**os.environ, "PYTHONPATH": str(PROJECT), **environment},
            )  # fmt: skip
        self._processes[name] = process
        return process

    def pid_of(self, name):
        """Return the number of the process `name`."""
        return self._processes[name].pid

    def more(self, what, name, times=5):
        """Wait until process `name` has counted `times` more of `what`."""
        wanted = self.notes.counted(what, name) + times
        wait_until(lambda: self.notes.counted(what, name) >= wanted, seconds=SECONDS)

    def is_in(self, held):
        """Wait until a process stays within `held`."""
        wait_until((self.folder / f"in {held}").exists, seconds=SECONDS)

    def go(self, held):
        """Let it go on."""
        (self.folder / f"go {held}").touch()

    def play_agent(self, job):
        """The job's agent restores the shop, cleans up after itself, and reports."""
        self.serve(job)
        # Reading it is learning what the others made
        self.panel.list_accounts()
        agent = Agent(self, job)
        agent.restore()
        agent.clean()

    def until_ended(self, job):
        """Wait until all steps of the job are over."""
        wait_until(lambda: self.steps(job)["unblock"].state in ("done", "skipped"), seconds=SECONDS)

    def close(self):
        for process in self._processes.values():
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(SECONDS)
        self.engine.dispose()
        super().close()


def main(folder, url, name, port, *hold):
    """Be the worker."""
    from controller.db import due, leases
    from controller.db.connection import clock
    from controller.jobs.engine import worker
    from controller.jobs.lifecycle import lease

    folder, notes = Path(folder), Notes(folder, name, hold)
    home = os.environ.get(HOME_HERE, str(folder / "home"))
    config = load_config({"SHOPLAUNCH_HOME": home, "SHOPLAUNCH_PUBLIC_URL": "http://127.0.0.1:8000"})
    panel = SharedPanel(folder / "accounts", int(port), notes)
    look, renew = due.servers, leases.renew
    due.servers = lambda *about: (look(*about), notes.count("looks"))[0]
    leases.renew = lambda *about, **more: (renew(*about, **more), notes.count("renewals"))[0]
    lease.RENEWALS, worker.POLL_SECONDS = 300, 0.02
    # A few looks after it was set, everybody has seen it
    clock.FRESH_SECONDS = 0.02
    service = Service(
        Installation(
            config,
            make_engine(url),
            load_keys(config.keys),
            panel_of=lambda _config, _server: panel,
            billing=SharedMail(notes),
        )
    )
    service.jobs.worker(lambda why: print(why, file=sys.stderr)).start()
    signal.pause()


if __name__ == "__main__":
    main(*sys.argv[1:])
