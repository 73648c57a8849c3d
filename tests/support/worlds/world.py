"""A whole controller for tests: real database, keys, bundle, worker; accounts are folders, time is ours."""

import json

from controller.billing.base import Billing
from controller.db import steps
from controller.db.connection.engine import reading, transact
from controller.db.machines import servers
from controller.jobs.intake.installation import Installation
from controller.jobs.intake.service import Service
from controller.jobs.lifecycle.bundle_store import Bundles
from controller.jobs.shop.certificate import verify
from controller.keys import ensure_keys, load_keys
from controller.settings.loading import load_config
from shared.errors import ShoplaunchError
from shared.events import make_event
from shared.job import FOLDER, JOB_FILE, check_job
from shared.placeholders import token
from shared.signing import PURPOSE_JOB, load_signed
from tests.fakes.folder_panel import FolderPanel
from tests.fakes.shop_site import ShopSite
from tests.support.clock import START, Clock
from tests.support.worlds.agent_box import NONCE, sample_members, small_manifest, write_bundle

DOMAIN = "shop.example.com"
SECRETS = [
    {"name": "secret.cookie_key", "format": "alnum", "length": 56},
    {"name": "secret.new_cookie_key", "format": "defuse_key"},
]
TABLES = [{"name": "ps_product", "rows": 19}, {"name": "ps_shop", "rows": 1}]


def place(name):
    """Return a placeholder of the test bundle."""
    return token(NONCE, name).decode("ascii")


CHECKS = [
    {"name": "front", "path": "/", "status": [200], "contains": ["Welcome"], "content_type": "text/html"},
    {"name": "back_office", "path": f"/{place('admin_folder')}/", "status": [200], "contains": [place("domain")]},
    {"name": "missing", "path": "/there-is-no-such-page", "status": [404]},
]


class Outbox(Billing):
    """Billing that keeps its notifications; `codes` are raised by the next calls."""

    def __init__(self):
        self.handed_over = []
        self.alarms = []
        self.codes = []

    def hand_over(self, news):
        self._fail()
        self.handed_over.append(news)

    def alarm(self, news):
        self._fail()
        self.alarms.append(news)

    def _fail(self):
        if self.codes:
            raise ShoplaunchError(self.codes.pop(0), "it was to fail")


class World:
    """One installation. `service` is its service, `worker` its worker, `panel` its only server's panel."""

    def __init__(self, folder, engine):
        self.folder = folder
        self.clock = Clock()
        self.engine = engine
        home = folder / "home"
        self.config = load_config({"SHOPLAUNCH_HOME": str(home), "SHOPLAUNCH_PUBLIC_URL": "http://127.0.0.1:8000"})
        ensure_keys(self.config.keys)
        self.keys = load_keys(self.config.keys)
        self.config.agent.mkdir(parents=True)
        (self.config.agent / "run").write_bytes(b"#!/bin/sh\n")
        (self.config.agent / "agent.pyz").write_bytes(b"PK agent")
        self.site = ShopSite()
        self.panel = FolderPanel(folder / "accounts", self.site.port)
        self.mail = Outbox()
        self.service = Service(
            Installation(
                self.config,
                engine,
                self.keys,
                panel_of=lambda _config, _server: self.panel,
                billing=self.mail,
                clock=self.clock,
            )
        )
        self.worker = self.service.jobs.worker()
        transact(engine, lambda connection: servers.add(connection, servers.Server("web1", "local"), START))
        self.bundle = self.add_bundle("classic")

    def take_event(self, event):
        """Hand an agent's event to the controller; return None, or (status, body) of its refusal."""
        bearer = self.service.installation.tokens.for_agent(event["job"], event["attempt"])
        try:
            self.service.agents.record(bearer, event)
        except ShoplaunchError as error:
            return {"superseded": 409, "cancelled": 410}.get(error.code, 401), {}
        return None

    def add_bundle(self, name, **manifest):
        """Add a small bundle; return what is known of it."""
        path = self.folder / f"{name}.bundle"
        members = sample_members()
        values = ["domain", "admin_folder", *(row["name"] for row in SECRETS)]
        more = {"checks": CHECKS, "secrets": SECRETS, "values": values, "tables": TABLES, **manifest}
        document = small_manifest(members, **more)
        write_bundle(path, members, document)
        return Bundles(self.config, self.engine).add(name, path)

    def close(self):
        self.site.close()

    def order(self, **changes):
        """Place an order; return the job."""
        order = {
            "server": "web1", "bundle": "classic", "domain": DOMAIN, "email": "owner@example.com", "account": "alice",
            "create_account": True, "shop_name": "Alice's Shop", "first_name": "Alice", "language": "en", **changes,
        }  # fmt: skip
        return self.service.orders.place(order, source="command")

    def work(self):
        """Let the worker do everything that is due now."""
        for _ in range(50):
            if not self.worker.run_due():
                return
        raise AssertionError("the worker does not come to rest")

    def work_later(self, seconds, stride=2.0):
        """Let `seconds` pass, working all the while."""
        end = self.clock.now + seconds
        while self.clock.now < end:
            self.clock.pass_by(min(stride, end - self.clock.now))
            self.work()

    def lives_once(self, job):
        """Assert that the job goes live, and that whatever happened made nothing twice."""
        self.work_later(60, stride=10)
        assert self.job(job).state == "live", self.status(job)
        assert len(self.mail.handed_over) == 1
        calls = [call[0] for call in self.panel.calls]
        assert calls.count("ensure_database") == calls.count("ensure_database_user") == 1

    def job(self, job):
        """Return the job as it is now."""
        return self.service.jobs.get(job.id)

    def status(self, job):
        """Return the job's service status."""
        return self.service.jobs.status(self.job(job))

    def steps(self, job):
        """Return step -> row."""
        with reading(self.engine) as connection:
            return steps.of_job(connection, job.id)

    def dropped(self, **changes):
        """Return a job that lies in its account, and the agent that would find it there."""
        job = self.order(**changes)
        self.work()
        assert self.job(job).state == "dropped", self.status(job)
        return job, Agent(self, job)

    def live(self, **changes):
        """Return a job whose shop lives."""
        job, _agent = self.dropped(**changes)
        self.finish(job)
        return job

    def finish(self, job):
        """The agent of a job that lies in its account restores the shop, which lives."""
        agent = Agent(self, self.job(job))
        agent.restore()
        agent.clean()
        self.serve(self.job(job))
        self.work()
        assert self.job(job).state == "live", self.status(job)

    def serve(self, job):
        """The site answers as the restored shop of `job` would."""
        host = f"{job.domain}:{self.site.port}"
        page = (200, {"Content-Type": "text/html"}, f"login of {host}".encode())
        url = self.job(job).facts["admin_url"]
        self.site.pages[url.partition(host)[2]] = page


class Agent:
    """Plays the agent of one attempt by hand: reads the job file as the real one does, sends its events."""

    def __init__(self, world, job):
        self.world = world
        self.account = world.panel.accounts[job.account]
        self.folder = world.panel.base / job.account / FOLDER
        text = (self.folder / JOB_FILE).read_bytes()
        self.payload = check_job(load_signed(PURPOSE_JOB, world.keys.public_keys(), text, verify))
        self.token = self.payload["callback"]["token"]
        self.id, self.attempt = self.payload["job"], self.payload["attempt"]
        self.seq = 0

    def event(self, name, **more):
        """Return the next event."""
        stored = name not in ("heartbeat", "progress")
        self.seq += stored
        return make_event(self.id, self.attempt, self.seq if stored else 0, name, self.world.clock(), **more)

    def send(self, name, **more):
        """Send the next event; return the attempt the controller answers with."""
        return self.world.service.agents.record(self.token, self.event(name, **more))

    def restore(self, evidence=None):
        """Do everything up to the final event."""
        self.send("started")
        for stage, percent in (("verify", 2), ("unpack", 40), ("import", 75), ("switch", 96)):
            self.send("stage_started", stage=stage, percent=percent - 1)
            self.send("stage_finished", stage=stage, percent=percent, seconds=1.5)
        self.send("finished", stage="report", percent=98, evidence=EVIDENCE if evidence is None else evidence)

    def fail(self, code, retryable=False, stage="import"):
        """Give up with `code`."""
        error = {"code": code, "message": f"{code} happened", "advice": "do something", "retryable": retryable}
        self.send("failed", stage=stage, percent=20, error=error)

    def clean(self):
        """Remove folder and cron line, and say so."""
        self.world.panel.remove_agent(self.account)
        self.world.panel.remove_cron(self.account, f"shoplaunch:{self.id}")
        return self.send("cleaned")

    def write_state(self, **state):
        """Write state.json as the agent would."""
        document = {"format": 1, "job": self.id, "attempt": self.attempt, "kind": "restore", **state}
        (self.folder / "state.json").write_text(json.dumps(document))


EVIDENCE = {
    "stages": {"import": 1.5, "prove": 0.3, "switch": 0.1, "unpack": 1.5, "verify": 0.02},
    "tables": {"ps_product": 19, "ps_shop": 1},
    "bytes_read": 1000, "bytes_written": 3000, "peak_rss_bytes": 40_000_000, "agent": "0.1.0", "python": "3.11.2",
    "sql_bytes": 2000, "counters": {"bytes_read": 1000}, "chunks": 5,
}  # fmt: skip
