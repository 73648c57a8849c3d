"""A whole controller for tests of its pages: real installation, real SQLite, real gunicorn; no worker, no panel."""

import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path
from urllib.parse import urlsplit

import requests
import sqlalchemy as sa
from werkzeug.security import generate_password_hash

from controller.db import bundles, jobs, proofs, steps
from controller.db.bundles import Bundle
from controller.db.connection.engine import reading, transact
from controller.db.machines import servers
from controller.db.machines.servers import Server
from controller.db.tables import operators
from controller.jobs.intake.service import open_service
from controller.jobs.shop import certificate
from controller.panels.local.private_stack.stack import free_port
from controller.settings.loading import load_config
from controller.setup import installation
from controller.web.api.signed_requests import signature
from controller.web.app import create_app
from tests.support.state.installing import install

OPERATOR = "nora"
PASSWORD = "correct horse battery"
KEY = "billing"
WAIT_SECONDS = 120
#: As `shoplaunch serve` has it.
WORKER = "controller.web.server.whole_requests.Worker"
#: What asks it gives up after a second or two; a disk that others write to may take longer.
MEMORY = "/dev/shm"
_CSRF = re.compile(r'name="csrf_token" value="([^"]+)"')


def application():
    """Return the WSGI application of SHOPLAUNCH_HOME: what gunicorn runs."""
    return create_app(load_config())


class Site:
    """A running controller. `url` is its address, `service` works on the same database."""

    def __init__(self, **settings):
        self.home = Path(tempfile.mkdtemp(prefix="shoplaunch-web-", dir=MEMORY if os.path.isdir(MEMORY) else None))
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = {"SHOPLAUNCH_HOME": str(self.home), "SHOPLAUNCH_PUBLIC_URL": self.url, **settings}
        config = load_config(self.environment)
        install(config)
        installation.set_operator(config, OPERATOR, PASSWORD)
        self.secret = installation.add_api_key(config, KEY)
        self.service = open_service(config)
        transact(self.service.installation.engine, populate)
        transact(self.service.installation.engine, let_in_soon)
        self._server = None

    def start(self, *places):
        """Start gunicorn, which also listens at `places`, and wait until it answers."""
        command = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{self.port}", "--threads", "8"]
        command += [word for place in places for word in ("--bind", place)]
        command += ["--worker-class", WORKER, "--no-control-socket", "--keep-alive", "120"]
        command += ["tests.support.worlds.web_site:application()"]
        log = (self.home / "gunicorn.log").open("wb")
        environment = {**os.environ, **self.environment, "PYTHONPATH": str(Path(__file__).parents[3])}
        with log:
            self._server = subprocess.Popen(
                command, env=environment, stdout=log, stderr=log, cwd=self.home, start_new_session=True
            )
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            try:
                requests.get(self.url + "/healthz", timeout=5).raise_for_status()
                return self
            except requests.RequestException:
                if time.monotonic() > deadline or self._server.poll() is not None:
                    raise AssertionError(self.log()) from None
                time.sleep(0.1)

    def worker_process(self):
        """Return the number of the process that answers."""
        own = self._server.pid
        (found,) = Path(f"/proc/{own}/task/{own}/children").read_text().split()
        return int(found)

    def log(self):
        """Return what the server wrote."""
        return (self.home / "gunicorn.log").read_text()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        """End the server; nothing is left of the installation."""
        if self._server is not None:
            os.killpg(self._server.pid, signal.SIGTERM)
            self._server.wait(WAIT_SECONDS)
        self.service.installation.engine.dispose()
        shutil.rmtree(self.home)

    # -- jobs -----------------------------------------------------------------------------------------------------

    def order(self, domain=None, **more):
        """Return a new job for `domain` (made up unless given)."""
        return self.service.orders.place(an_order(domain, **more), source="test", signed_by=KEY)

    def put(self, job, state, attempt=1, **columns):
        """The job is in `state`, as if worker and agent had brought it there; return it."""

        def work(connection):
            current = jobs.get(connection, job.id)
            return jobs.update(connection, current, time.time(), state=state, attempt=attempt, **columns)

        return transact(self.service.installation.engine, work)

    def put_step(self, job, name, state, **columns):
        """The job's step `name` is in `state`."""
        transact(
            self.service.installation.engine,
            lambda connection: steps.update(connection, job.id, name, state=state, **columns),
        )

    def fail(self, job, step, code, message):
        """The job failed at `step`."""
        error = {"code": code, "message": message, "advice": "see the catalogue", "retryable": False}
        now = time.time()
        for name in _before(step):
            self.put_step(job, name, "done", attempts=1, started_at=now - 9, finished_at=now - 8)
        self.put_step(job, step, "failed", attempts=2, started_at=now - 5, finished_at=now, error=error)
        return self.put(job, "failed", step=step, error=error, percent=31)

    def certify(self, job, evidence, visits):
        """The job has a birth certificate over this evidence; return the signed text."""
        now = time.time()
        with reading(self.service.installation.engine) as connection:
            bundle = bundles.get(connection, job.bundle)
        prints = {"secret.cookie_key": "a" * 64}
        keys = self.service.installation.keys.signing
        proof = certificate.Proof(evidence, visits, prints)
        signed = certificate.make(job, bundle, {"domain": job.domain}, proof, keys, now)
        transact(
            self.service.installation.engine, lambda connection: proofs.put_certificate(connection, job.id, signed, now)
        )
        return signed

    def agent_token(self, job, attempt=1):
        """Return the token an agent of this attempt holds."""
        return self.service.installation.tokens.for_agent(job.id, attempt)

    def report(self, token, event, **options):
        """POST `event` as an agent does; return the response."""
        headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
        return requests.post(
            self.url + "/api/v1/agent/events", json=event, headers=headers, timeout=WAIT_SECONDS, **options
        )

    # -- callers --------------------------------------------------------------------------------------------------

    def forget_failed_logins(self):
        """Nobody has to wait any more before the next login."""
        self.service.access._throttle.succeeded(OPERATOR, "127.0.0.1")

    def signed_in(self, user=OPERATOR):
        """Return a session of the operator `user`."""
        browser = requests.Session()
        page = browser.get(self.url + "/admin/login", timeout=WAIT_SECONDS)
        form = {"user": user, "password": PASSWORD, "csrf_token": csrf_of(page.text)}
        answer = browser.post(self.url + "/admin/login", data=form, timeout=WAIT_SECONDS)
        assert answer.url.endswith("/admin/jobs"), answer.text
        return browser

    def signed(self, method, path, body=b"", **changes):
        """Send a signed request; `changes` replace parts of it (event, timestamp, secret, key, signature, sent)."""
        event = changes.get("event") or str(uuid.uuid4())
        stamp = str(changes.get("timestamp", int(time.time())))
        secret = changes.get("secret", self.secret).encode("ascii")
        made = changes.get("signature") or signature(secret, stamp, event, method, path, body)
        headers = {
            "X-Shoplaunch-Key": changes.get("key", KEY),
            "X-Shoplaunch-Timestamp": stamp,
            "X-Shoplaunch-Event": event,
            "X-Shoplaunch-Signature": made,
            "Content-Type": "application/json",
        }
        for name in changes.get("without", ()):
            del headers[name]
        sent = changes.get("sent", body)
        return requests.request(method, self.url + path, data=sent, headers=headers, timeout=WAIT_SECONDS)


def an_order(domain=None, **more):
    """Return an order for `domain`, made up unless given."""
    name = domain or f"shop-{uuid.uuid4().hex[:10]}.example"
    account = "a" + hashlib.sha256(name.encode()).hexdigest()[:10]
    return {
        "server": "web-1",
        "bundle": "boutique",
        "domain": name,
        "email": "client@client.example",
        "account": account,
        **more,
    }


def csrf_of(page):
    """Return the CSRF token of a page's first form."""
    return _CSRF.search(page).group(1)


def host_of(url):
    """Return `host:port` of a URL."""
    return urlsplit(url).netloc


def _before(step):
    from controller.jobs.lifecycle.plan import PLAN

    names = list(PLAN)
    return names[: names.index(step)]


def let_in_soon(connection):
    """All operators have PASSWORD, hashed with little work: most tests sign in, and few are about what that costs."""
    hashed = generate_password_hash(PASSWORD, "scrypt:1024:8:1")
    connection.execute(sa.update(operators).values(password_hash=hashed))


def populate(connection):
    """The installation knows a server and a bundle."""
    servers.add(connection, Server(name="web-1", panel="local"), time.time())
    digest = hashlib.sha256(b"boutique").hexdigest()
    bundles.add(connection, Bundle("boutique", digest, 1, digest, "prestashop", "8.2.1", time.time(), folders=True))
