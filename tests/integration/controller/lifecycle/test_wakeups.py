"""A worker in a process of its own is woken by the web server's and the command line's; its own look is not waited for.

Of the worker's rounds only those count that follow a notification: what moves was moved by one.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from controller.db import jobs, steps
from controller.db.connection.engine import reading, transact
from controller.jobs.intake.service import open_service
from controller.settings.loading import load_config
from shared.events import make_event
from shared.job import AGENT_FILE, LAUNCHER_FILE
from tests.support.state.installing import install
from tests.support.worlds.web_site import an_order, populate

PROJECT = Path(__file__).parents[4]
#: What only stops a test that hangs.
SECONDS = 60
DAY = 86_400.0
#: Its loop goes on as ever, but looks for jobs only when it was woken.
WORKER = """
from controller.cli import main
from controller.jobs.lifecycle import due_hint
from controller.jobs.engine.worker import Worker

given, wait, look = [], due_hint.wait, Worker._round

def waited(seconds):
    given[:] = [True] if wait(seconds) else []

due_hint.wait = waited
Worker._round = lambda self: look(self) if given else None
main(["worker"])
"""


class Separate:
    """An installation whose worker is a process of its own; `service` is another process's: this one's."""

    def __init__(self, home, database_url):
        self.environment = {"SHOPLAUNCH_HOME": str(home), "SHOPLAUNCH_DATABASE_URL": database_url}
        config = load_config(self.environment)
        install(config)
        for name in (LAUNCHER_FILE, AGENT_FILE):
            (config.agent / name).touch()
        self.service = open_service(config)
        transact(self.service.installation.engine, populate)
        self.log = home / "worker.log"
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-c", WORKER], env={**os.environ, **self.environment}, stdout=log, stderr=log,
                cwd=PROJECT,
            )  # fmt: skip
        self.wait(self._has_beaten)

    def _has_beaten(self):
        """Its first round is over: from here on it only waits."""
        from controller.db.machines import workers

        with reading(self.service.installation.engine) as connection:
            return workers.process_age(connection) is not None

    def wait(self, condition):
        """Wait until `condition()` holds; fail when it never does."""
        end = time.monotonic() + SECONDS
        while not condition():
            assert self._process.poll() is None and time.monotonic() < end, self.log.read_text()[-3000:]
            time.sleep(0.02)

    def steps(self, job):
        """Return step -> row."""
        with reading(self.service.installation.engine) as connection:
            return steps.of_job(connection, job.id)

    def stop(self):
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(SECONDS)
        self.service.installation.engine.dispose()


@pytest.fixture
def separate(tmp_path, database_url):
    made = Separate(tmp_path, database_url)
    yield made
    made.stop()


def restoring(separate):
    """Return a job that is being restored, as its worker left it: the next look is due in a day."""
    job = separate.service.orders.place(an_order(), source="test")
    separate.wait(lambda: separate.service.jobs.get(job.id).state == "failed")
    separate.wait(lambda: separate.service.jobs.get(job.id).lease_owner is None)
    now = time.time()

    def work(connection):
        for name in ("account", "database", "database_user", "privileges", "php", "drop", "cron"):
            steps.update(connection, job.id, name, state="done")
        steps.update(connection, job.id, "agent", state="running")
        known = jobs.get(connection, job.id)
        quiet = {"wake_at": now + DAY, "alarm": "", "error": None, "expires_at": now + DAY}
        return jobs.update(connection, known, now, state="restoring", step="agent", attempt=1, **quiet)

    return transact(separate.service.installation.engine, work)


def test_an_order_is_taken_up_by_the_worker_of_another_process(separate):
    job = separate.service.orders.place(an_order(), source="test")
    separate.wait(lambda: separate.service.jobs.get(job.id).state != "received")


def test_an_agents_final_event_lets_the_worker_of_another_process_finish_the_job(separate):
    job = restoring(separate)
    token = separate.service.installation.tokens.for_agent(job.id, 1)
    separate.service.agents.record(token, make_event(job.id, 1, 1, "finished", time.time(), evidence={}))
    separate.wait(lambda: separate.steps(job)["check"].attempts >= 1 or separate.steps(job)["check"].error)


def test_what_an_operator_asks_for_is_done_by_the_worker_of_another_process(separate):
    job = restoring(separate)
    separate.service.jobs.cancel(job.id)
    separate.wait(
        lambda: separate.service.jobs.get(job.id).facts.get("undo") or separate.service.jobs.get(job.id).error
    )


def test_a_worker_that_has_ended_leaves_no_socket(separate, tmp_path):
    separate.stop()
    assert list((tmp_path / "wakeups").iterdir()) == []
