"""A desk and its workers, each a process of the version that is measured, and what kills the workers."""

import contextlib
import json
import math
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import sqlalchemy as sa

from controller.db.connection.engine import make_engine
from tests.bench.engine.double import SLOWEST_SECONDS

DRIVER = Path(__file__).with_name("driver.py")
COUNTS = ("statements", "commits", "claims", "missed")
_FORMAT = f"{len(COUNTS)}q"
END_SECONDS = 30
#: How long workers may take to start, and what the last of them takes from its file to its first look.
START_SECONDS, SETTLED_SECONDS, LOOK_SECONDS = 120, 1.0, 0.05
SEED = 23
_ASKED = (signal.SIGINT, signal.SIGTERM)


class Fleet:
    """The desk and `workers` workers of the version in `folder`, in an installation of their own.

    `more` are settings (name in the environment -> value); `wrap` begins the command of the worker of a number.
    """

    def __init__(self, folder, database_url, servers, workers, more=None, wrap=lambda _number: []):
        self._engine = make_engine(database_url)
        #: What a killed worker held: (when it was killed, its process, [(server, account)]).
        self._cut_off = []
        self._folder, self._wrap, self._mixed_with = folder, wrap, folder
        self.home = Path(tempfile.mkdtemp(prefix="slbench-engine-"))
        (self.home / "counts").mkdir()
        self.names = [f"web{number}" for number in range(1, servers + 1)]
        self.plan(servers=self.names, hung=[], site=0, host="127.0.0.1", webs=[], slowest=SLOWEST_SECONDS)
        own = {"HOME": self.home / "home", "DATABASE_URL": database_url, "PUBLIC_URL": "http://127.0.0.1:8000"}
        self.environment = {**os.environ, "PYTHONPATH": str(folder), **(more or {})}
        # As those of a service, a worker that is started again loads what is compiled
        self.environment.pop("PYTHONDONTWRITEBYTECODE", None)
        self.environment |= {f"SHOPLAUNCH_{name}": str(value) for name, value in own.items()}
        self._desk = None
        #: Number of a worker -> its process; how often one was killed.
        self.workers, self.kills = dict.fromkeys(range(workers)), Counter()
        self._ended = threading.Event()
        self._killer = None
        #: The database's process; what it had taken of the processors before, and what killed workers took.
        self._database, self._before, self._of_killed, self._of_desk = None, 0.0, 0.0, 0.0

    def mix(self, folder):
        """Every other worker is of the version in `folder`."""
        self._mixed_with = folder

    def watch(self, database):
        """From now on count what the database's process takes of the processors as well."""
        self._database, self._before = database, processor_seconds(database)

    def plan(self, **changes):
        """What every process knows of the others."""
        path = self.home / "plan.json"
        before = json.loads(path.read_text()) if path.exists() else {}
        path.write_text(json.dumps({**before, **changes}))

    def begin(self, orders, rate, seconds, prepare=lambda: None):
        """The desk is ready, and what `prepare` adds to it; orders come once the workers run."""
        command = self._driver("desk", str(self.home), str(orders), str(rate), str(seconds))
        self._desk = self.process("desk", command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._line()
        prepare()
        for number in self.workers:
            self._start(number)
        self._await_workers()
        self._desk.stdin.write("go\n")
        self._desk.stdin.flush()

    def _await_workers(self):
        """A worker makes its file right before it starts; a busy machine needs seconds to get there."""
        end = time.monotonic() + START_SECONDS
        while len(list((self.home / "counts").iterdir())) < len(self.workers):
            if time.monotonic() > end:
                raise RuntimeError(f"the workers did not start within {START_SECONDS} s: see the logs in {self.home}")
            time.sleep(LOOK_SECONDS)
        time.sleep(SETTLED_SECONDS)

    def kill_every(self, seconds):
        """From now on one worker after the other is killed, and started again by who watches over services."""
        self._killer = threading.Thread(target=self._kill, args=(seconds,), daemon=True)
        self._killer.start()

    @property
    def killed(self):
        """Return how many workers were killed."""
        return self.kills.total()

    def followed(self, show=lambda _states: None):
        """Return the desk's rows when all is over; until then `show` is given state -> number of jobs."""
        while "figures" not in (found := self._line()):
            show(found["states"])
        for trouble in found["troubles"]:
            print(trouble, file=sys.stderr)
        self._of_desk = found["seconds"]
        return found["figures"]

    def taken(self):
        """Return who -> what it took of the processors, in seconds."""
        of_workers = sum(processor_seconds(one.pid) for one in self.workers.values() if one is not None)
        found = {"workers": of_workers + self._of_killed, "desk": self._of_desk}
        if self._database is not None:
            found["database"] = processor_seconds(self._database) - self._before
        return found

    def counts(self):
        """Return name -> what all workers have counted, killed ones as well."""
        rows = [struct.unpack(_FORMAT, path.read_bytes()) for path in (self.home / "counts").iterdir()]
        return dict(zip(COUNTS, map(sum, zip(*rows, strict=True)), strict=True))

    def claims(self):
        """Return number of a worker that was never killed -> how many jobs it has claimed."""
        found = {}
        for number, process in self.workers.items():
            content = (self.home / "counts" / str(process.pid)).read_bytes()
            found[number] = struct.unpack(_FORMAT, content)[COUNTS.index("claims")]
        return found

    def words(self):
        """Return what all workers have logged."""
        return "".join((self.home / f"{number}.log").read_text("utf-8", "replace") for number in self.workers)

    def notified(self):
        """Return the jobs whose clients were notified, one entry each time."""
        path = self.home / "notified"
        return path.read_text().splitlines() if path.exists() else []

    def at_once(self):
        """Return the largest number of accounts that calls of workers to one server were about at the same time."""
        killed = {process: at for at, process, _held in self._cut_off}
        return max((most_at_once(path, self._desk.pid, killed) for path in self.home.glob("web*/calls")), default=0)

    def close(self):
        """Nothing of it is left."""
        self._ended.set()
        if self._killer is not None:
            self._killer.join()
        # Hard: what a step under way would still do is done to doubles
        for process in filter(None, [*self.workers.values(), self._desk]):
            process.kill()
            process.wait()
        self._engine.dispose()
        shutil.rmtree(self.home, ignore_errors=True)

    @staticmethod
    def end(process):
        """The process has ended, by itself if it can."""
        process.terminate()
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _kill(self, seconds):
        chance = random.Random(SEED)
        while not self._ended.wait(seconds):
            number = chance.choice(list(self.workers))
            self._of_killed += processor_seconds(self.workers[number].pid)
            at = time.time()
            self.workers[number].send_signal(signal.SIGKILL)
            self.workers[number].wait()
            self.kills[number] += 1
            self._cut_off.append((at, self.workers[number].pid, self._held_by(self.workers[number].pid)))
            if not self._ended.is_set():
                self._start(number)

    def _held_by(self, pid):
        """Return the jobs a worker was at, without those whose client was notified; where an agent is at work, the
        next move is the agent's."""
        query = sa.text(
            "SELECT server, account FROM jobs WHERE lease_owner LIKE :owner AND state NOT IN ('dropped', 'restoring')"
            " AND id NOT IN (SELECT job FROM steps WHERE name = 'notify' AND finished_at IS NOT NULL)"
        )
        with self._engine.connect() as connection:
            return [tuple(row) for row in connection.execute(query, {"owner": f"%:{pid}:%"})]

    def back_at_work(self):
        """Return for each job that a killed worker held after how many seconds another one called its server for it,
        had notified its client, or was killed with it before it called."""
        calls, notified = {}, self._notified_at()
        for path in self.home.glob("web*/calls"):
            for began, _ended, account, process, _call in map(json.loads, path.read_text().splitlines()):
                if process != self._desk.pid:
                    calls.setdefault((path.parent.name, account), []).append((began, process))
        found = []
        for at, killed, held in self._cut_off:
            for job in held:
                calls.setdefault(job, []).append((at, killed))
        for at, killed, held in self._cut_off:
            for job in held:
                later = [began for began, process in calls.get(job, ()) if began > at and process != killed]
                # Calls after that are looks for a certificate, minutes later
                later += [moment for moment in [notified.get(job)] if moment is not None and moment > at]
                found += [min(later) - at] if later else []
        return found

    def _notified_at(self):
        """Return (server, account) -> when its client was notified."""
        query = sa.text(
            "SELECT j.server, j.account, s.finished_at FROM jobs j JOIN steps s ON s.job = j.id WHERE s.name = 'notify'"
        )
        with self._engine.connect() as connection:
            return {(server, account): at for server, account, at in connection.execute(query)}

    def _start(self, number):
        words, folder = [*self._wrap(number), *self._driver("worker", str(self.home))], self._folder
        if number % 2:
            folder = self._mixed_with
        own = {"cwd": folder, "env": {**self.environment, "PYTHONPATH": str(folder)}}
        self.workers[number] = self.process(number, words, **own)

    def _driver(self, *words):
        return [sys.executable, str(DRIVER), *words]

    def process(self, name, command, **more):
        """Start a process of the installation, with a log of its `name`."""
        with (self.home / f"{name}.log").open("ab") as log:
            own = {"cwd": self._folder, "env": self.environment, "stdout": log, **more}
            return subprocess.Popen(command, stderr=log, text=True, **own)

    def _line(self):
        line = self._desk.stdout.readline()
        if not line:
            raise RuntimeError((self.home / "desk.log").read_text("utf-8", "replace")[-4000:])
        return json.loads(line)


def most_at_once(path, desk, killed):
    """Return the largest number of accounts that calls in the log at `path` were about at the same time.

    Agents that the process `desk` plays clear up in their accounts as well: those are no calls of workers. A call
    without an end was under way until its process was `killed` (process -> when), or to the last.
    """
    ends = {}
    for began, ended, account, process, call in map(json.loads, path.read_text().splitlines()):
        if process != desk and account:
            # The line of its end comes after that of its beginning
            ends[began, account, process, call] = ended or max(began, killed.get(process, math.inf))
    moments = [(began, 1, account) for began, account, *_more in ends]
    moments += [(ended, 0, account) for (_began, account, *_more), ended in ends.items()]
    under_way, most = {}, 0
    for _at, begins, account in sorted(moments):
        under_way[account] = under_way.get(account, 0) + (1 if begins else -1)
        most = max(most, sum(number > 0 for number in under_way.values()))
    return most


def processor_seconds(pid):
    """Return what a process has taken of the processors, in seconds; 0.0 once it is gone."""
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def end_when_asked():
    """An interrupt or a request to end raises KeyboardInterrupt from now on, once: what clears away is not cut off."""
    # A shell starts what it puts into the background with interrupts ignored
    for number in _ASKED:
        signal.signal(number, _asked)


def _asked(_number, _frame):
    for number in _ASKED:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


@contextlib.contextmanager
def running(fleet):
    """Close the fleet at the end, however that comes."""
    try:
        yield fleet
    finally:
        fleet.close()


def version_of(commit, project, stack):
    """Return a folder with the files of a commit, which is gone with `stack`; they run with this version's packages."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="slbench-version-")))
    archive = subprocess.run(["git", "-C", project, "archive", commit], check=True, stdout=subprocess.PIPE).stdout
    subprocess.run(["tar", "-x", "-C", folder], input=archive, check=True)
    return folder


def waited(seconds, share):
    """Return the smallest of `seconds` that `share` of them do not exceed; None of none."""
    known = sorted(one for one in seconds if one is not None)
    return known[min(len(known) - 1, int(len(known) * share))] if known else None
