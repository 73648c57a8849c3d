"""A report that was answered is kept, whenever the controller is killed: many agents report while it happens."""

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from controller.db import events
from controller.db.connection.engine import reading
from shared.events import make_event
from tests.support.waiting import wait_until
from tests.support.worlds.web_site import Site

AGENTS = 8
ANSWERED = 60
WAIT_SECONDS = 120


@pytest.fixture
def site():
    with Site() as made:
        yield made.start()


def test_every_report_that_was_answered_is_there_after_the_controller_was_killed(site):
    jobs = [site.put(site.order(), "dropped", step="agent") for _ in range(AGENTS)]
    answered = {job.id: [] for job in jobs}

    def reports(job):
        token = site.agent_token(job)
        for seq in range(1, 10_000):
            try:
                answer = site.report(token, make_event(job.id, 1, seq, "stage_started", time.time(), stage="unpack"))
            except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
                # Killed before it answered, or in the middle of its answer
                return
            assert answer.status_code == 202
            answered[job.id].append(seq)

    with ThreadPoolExecutor(AGENTS) as pool:
        found = [pool.submit(reports, job) for job in jobs]
        wait_until(lambda: sum(map(len, answered.values())) >= ANSWERED, lambda: answered, WAIT_SECONDS, 0.001)
        os.killpg(site._server.pid, signal.SIGKILL)
    assert [one.exception() for one in found] == [None] * AGENTS
    with reading(site.service.installation.engine) as connection:
        for job in jobs:
            kept = {event["seq"] for event in events.of_job(connection, job.id)}
            assert set(answered[job.id]) <= kept
