"""A process of the measurement, of the version whose modules it finds: a worker, or the desk (`main` says how).

The desk orders shops, plays their agents and their site, and tells what it sees, a line of JSON each time. Both are
started by tests.bench.engine.fleet for the folder of a version, so that two versions are measured in one run.
"""

import itertools
import json
import mmap
import os
import signal
import struct
import sys
import threading
import time
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import sqlalchemy as sa
from double import Double, Hung, latency_of

from controller.db import migrate
from controller.keys import ensure_keys, load_keys
from tests.fakes.shop_site import ShopSite

try:
    from controller.settings.loading import load_config
    from tests.support.worlds.world import Agent, Outbox, World
except ModuleNotFoundError:
    # An earlier version
    from controller.config import load_config

    from tests.integration.controller.world import Agent, Outbox, World

try:
    from controller.db.connection.engine import make_engine, reading, transact
    from controller.jobs.intake.installation import Installation
    from controller.jobs.intake.service import Service
    from controller.jobs.lifecycle import lease
except ModuleNotFoundError:
    # A version from before the rooms
    from controller.db.engine import make_engine, reading, transact
    from controller.jobs.service import Service

    from controller.jobs import lease

    Installation = None

try:
    from controller.panels.cpanel.api.call_limits import ServerBreaker
except ImportError:
    ServerBreaker = None

try:
    from controller.db.machines import servers
except ModuleNotFoundError:
    from controller.db import servers

#: What a worker counts, as whole numbers in a file that outlives it.
COUNTS = ("statements", "commits", "claims", "missed")
_FORMAT = f"{len(COUNTS)}q"
LOOK_SECONDS = 0.1
AGENTS = 6
#: What a notification takes.
BILLING_SECONDS = 0.05
KEY = "bench"
LOCAL = "127.0.0.1"


class Billing(Outbox):
    """A billing system that outlives who asks it: each client it has notified is a line of a file.

    As with a real one a change is looked for before it is made (controller.billing.whmcs.changes), so that a worker
    which was killed before it noted the change repeats nothing; two at once are not kept apart.
    """

    def __init__(self, path):
        super().__init__()
        self._path = path

    def hand_over(self, news):
        line = f"{news.admin_url}\n"
        if not self._path.exists() or line not in self._path.read_text():
            time.sleep(BILLING_SECONDS)
            with self._path.open("a") as stream:
                stream.write(line)

    def alarm(self, news):
        with self._path.with_name("alarms").open("a") as stream:
            stream.write(f"{news.job} {news.code}\n")


class Place(World):
    """The installation in `folder`: what a process of it has."""

    def __init__(self, folder, latencies=True):
        self.folder = folder
        self.plan = json.loads((folder / "plan.json").read_text())
        self.config = load_config()
        self.engine = make_engine(self.config.database_url)
        ensure_keys(self.config.keys)
        self.keys = load_keys(self.config.keys)
        self._latencies = latencies
        own = {"panel_of": self.panel_of, "billing": Billing(folder / "notified")}
        parts = (self.config, self.engine, self.keys)
        self.service = Service(Installation(*parts, **own)) if Installation else Service(*parts, **own)

    def panel_of(self, _config, server):
        """Return the double of a server."""
        if server.name in self.plan["hung"]:
            return Hung(self.folder / server.name, ServerBreaker(lambda: self.engine, server.name))
        number = self.plan["servers"].index(server.name)
        latency = latency_of(number, len(self.plan["servers"]), self.plan["slowest"]) if self._latencies else 0.0
        return Double(self.folder / server.name, (self.plan["host"], self.plan["site"]), latency)

    def new_worker(self):
        """Return a worker; a version from before the doors makes it otherwise."""
        return (self.service.jobs if Installation else self.service).worker()

    def place(self, order):
        """Place an order; return the job."""
        if Installation:
            return self.service.orders.place(order, source="command")
        return self.service.place_order(order, source="command")


class Webs:
    """Web servers of the installation, which take orders and reports by HTTP in turn: what a version's service does."""

    def __init__(self, urls, config):
        # Imported here: a worker loads nothing of the web, and is measured as it starts
        import requests

        from controller.setup.installation import add_api_key
        from controller.web.api.signed_requests import signature

        self._urls, self._secret, self._turn = urls, add_api_key(config, KEY), itertools.count()
        self._signature, self._requests = signature, requests
        self.agents = self

    def place(self, order):
        """Send an order as billing does."""
        body, stamp, event = json.dumps(order).encode(), str(int(time.time())), str(uuid.uuid4())
        path = "/api/v1/orders"
        headers = {
            "X-Shoplaunch-Key": KEY, "X-Shoplaunch-Timestamp": stamp, "X-Shoplaunch-Event": event,
            "X-Shoplaunch-Signature": self._signature(self._secret.encode("ascii"), stamp, event, "POST", path, body),
            "Content-Type": "application/json",
        }  # fmt: skip
        self._post(path, body, headers)

    def record(self, token, event):
        """Send an agent's event."""
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._post("/api/v1/agent/events", json.dumps(event).encode(), headers)

    def _post(self, path, body, headers):
        url = self._urls[next(self._turn) % len(self._urls)]
        answer = self._requests.post(url + path, data=body, headers=headers, timeout=60)
        if answer.status_code != 202:
            raise RuntimeError(f"{url}{path}: {answer.status_code} {answer.text[:500]}")


class Counted:
    """Counts what a worker asks of the database and of the rows it claims."""

    def __init__(self, folder, engine):
        path = folder / "counts" / str(os.getpid())
        path.write_bytes(bytes(struct.calcsize(_FORMAT)))
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), 0)
        self._numbers, self._guard = Counter(), threading.Lock()
        sa.event.listen(engine, "before_cursor_execute", lambda *_ignored: self.add("statements"))
        commit = engine.dialect.do_commit

        def committing(connection):
            self.add("commits")
            commit(connection)

        engine.dialect.do_commit = committing

    def add(self, name, number=1):
        """Count; what is written to the file is there after a kill, too."""
        with self._guard:
            self._numbers[name] += number
            struct.pack_into("q", self._memory, COUNTS.index(name) * struct.calcsize("q"), self._numbers[name])

    def follow(self, tally):
        """From now on claims are those of the worker's own tally."""
        while True:
            with self._guard:
                self._numbers |= {"claims": tally.claims + tally.missed, "missed": tally.missed}
                self._write()
            time.sleep(0.2)

    def watch_leases(self):
        """From now on claims are what a version without a tally does: it takes leases."""
        if not hasattr(lease, "Lease"):
            lease.held = self._counting(lease.held)
            return
        take = lease.Lease.take

        def counted(held):
            is_taken = take(held)
            self._note(is_taken)
            return is_taken

        lease.Lease.take = counted

    def _counting(self, held):
        @contextmanager
        def counted(*arguments):
            with held(*arguments) as is_held:
                self._note(is_held)
                yield is_held

        return counted

    def _note(self, is_taken):
        self.add("claims")
        self.add("missed", not is_taken)

    def _write(self):
        self._memory[:] = struct.pack(_FORMAT, *(self._numbers[name] for name in COUNTS))


def work(folder):
    """Be a worker until SIGTERM."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    place = Place(folder)
    counted, worker = Counted(folder, place.engine), place.new_worker()
    if hasattr(worker, "drain"):
        threading.Thread(target=counted.follow, args=(worker.drain.tally,), daemon=True).start()
    else:
        counted.watch_leases()
    worker.start()
    signal.sigwait({signal.SIGTERM})
    worker.stop(15)
    os._exit(0)


class Desk:
    """Orders, plays agents, and looks."""

    def __init__(self, folder, orders, rate):
        self._orders, self._rate = orders, rate
        plan = json.loads((folder / "plan.json").read_text())
        # Older versions' sites are this machine's alone
        self.site = ShopSite() if plan["host"] == LOCAL else ShopSite(plan["host"])
        (folder / "plan.json").write_text(json.dumps({**plan, "site": self.site.port}))
        self._place = Place(folder, latencies=False)
        self._seen, self._jobs, self._pool = set(), {}, ThreadPoolExecutor(AGENTS)
        self._guard = threading.Lock()
        self.troubles = []
        self._make(folder)
        self._service = self._place.service

    def open(self):
        """From now on everything comes by the web servers, where there are any."""
        urls = json.loads((self._place.folder / "plan.json").read_text())["webs"]
        if urls:
            self._service = Webs(urls, self._place.config)

    def _make(self, folder):
        """The installation has tables, servers, the agent's files and a bundle."""
        place = self._place
        migrate.upgrade(place.engine)
        place.config.agent.mkdir(parents=True)
        (place.config.agent / "run").write_bytes(b"#!/bin/sh\n")
        (place.config.agent / "agent.pyz").write_bytes(b"PK agent")
        for name in place.plan["servers"]:
            (folder / name).mkdir()
            transact(place.engine, lambda c, name=name: servers.add(c, servers.Server(name, "local"), time.time()))
        place.add_bundle("classic")

    def order_all(self):
        """Place the orders: as fast as they are taken, or at the rate."""
        names, began = self._place.plan["servers"], time.monotonic()
        for number in range(self._orders):
            if self._rate:
                time.sleep(max(0.0, began + number / self._rate - time.monotonic()))
            order = {
                "server": names[number % len(names)], "bundle": "classic", "domain": f"s{number}.example.com",
                "email": "owner@example.com", "account": f"s{number}", "create_account": True, "language": "en",
            }  # fmt: skip
            place = self._service if isinstance(self._service, Webs) else self._place
            place.place(order)

    def look(self):
        """Return state -> number of jobs, but those of hung servers; agents begin to work where they were dropped."""
        counts = sa.text("SELECT server, state, COUNT(*) AS number FROM jobs GROUP BY server, state")
        dropped = sa.text("SELECT id, server, account, domain FROM jobs WHERE state = 'dropped'")
        with reading(self._place.engine) as connection:
            states, rows = list(connection.execute(counts)), list(connection.execute(dropped))
        hung, found = self._place.plan["hung"], Counter()
        for row in rows:
            if row.server not in hung and row.id not in self._seen:
                self._seen.add(row.id)
                self._pool.submit(self._play, row)
        for row in states:
            found[row.state] += row.number if row.server not in hung else 0
        return +found

    def _play(self, row):
        """Do what the agent of a job does."""
        try:
            panel = self._place.panel_of(None, SimpleNamespace(name=row.server))
            panel.reload()
            own = SimpleNamespace(
                panel=panel, keys=self._place.keys, service=self._service, clock=time.time, site=self.site,
                take_event=getattr(self._place, "take_event", None), job=self._job,
            )  # fmt: skip
            agent = Agent(own, row)
            agent.send("started")
            World.serve(own, row)
            agent.seq = 0
            agent.restore()
            agent.clean()
        except Exception as trouble:  # noqa: BLE001 - it is reported, and tried again
            self.troubles.append(f"{row.id}: {trouble!r}")
            print(self.troubles[-1], file=sys.stderr, flush=True)
            self._seen.discard(row.id)

    def _job(self, job):
        place = self._place
        return place.service.jobs.get(job.id) if Installation else place.service.get_job(job.id)

    def figures(self):
        """Return what the rows say of every job, in seconds; but of those of hung servers."""
        query = """SELECT j.id, j.state, j.created_at, a.started_at, c.finished_at, n.state,
            (SELECT MIN(e.received_at) FROM events e WHERE e.job = j.id AND e.event = 'finished'),
            c.started_at, j.server
            FROM jobs j JOIN steps a ON a.job = j.id AND a.name = 'account'
            JOIN steps c ON c.job = j.id AND c.name = 'check' JOIN steps n ON n.job = j.id AND n.name = 'notify'"""
        with reading(self._place.engine) as connection:
            rows = [list(row) for row in connection.execute(sa.text(query))]
        return [row[:-1] for row in rows if row[-1] not in self._place.plan["hung"]]

    @property
    def wanted(self):
        """Return how many shops are to live."""
        names, hung = self._place.plan["servers"], self._place.plan["hung"]
        return sum(names[number % len(names)] not in hung for number in range(self._orders))


def serve(folder, orders, rate, seconds):
    """Be the desk until every shop lives and its client was notified, or `seconds` have passed."""
    desk = Desk(folder, orders, rate)
    print(json.dumps({"ready": True}), flush=True)
    sys.stdin.readline()
    desk.open()
    ordering = threading.Thread(target=desk.order_all, daemon=True)
    ordering.start()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        states = desk.look()
        print(json.dumps({"states": states}), flush=True)
        if not ordering.is_alive() and set(states) <= {"live", "failed", "stalled"}:
            rows = desk.figures()
            if len(rows) == desk.wanted and all(row[5] in ("done", "skipped", "failed") for row in rows):
                break
        time.sleep(LOOK_SECONDS)
    end = {"figures": desk.figures(), "troubles": desk.troubles[:20], "seconds": time.process_time()}
    print(json.dumps(end), flush=True)
    os._exit(0)


def main():
    """Be what the arguments say: `worker FOLDER` or `desk FOLDER ORDERS RATE SECONDS`."""
    role, folder, *numbers = sys.argv[1:]
    if role == "worker":
        work(Path(folder))
    else:
        serve(Path(folder), int(numbers[0]), *map(float, numbers[1:]))


if __name__ == "__main__":
    main()
