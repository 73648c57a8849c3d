"""The log in JSON: every entry about a job names the job, its server and its attempt, whichever thread writes it."""

import io
import json
import logging

import pytest

from controller.db import jobs, leases
from controller.db.connection.engine import transact
from controller.jobs.agent_link import agent_events
from controller.jobs.intake import chores
from controller.jobs.lifecycle import lease
from controller.log_entries import JsonFormatter
from controller.web.app import create_app
from shared.errors import ShoplaunchError
from tests.support.waiting import wait_until

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def entries():
    """What returns the entries of the log that name this job, each as (job, server, attempt)."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)

    def about(text):
        found = [json.loads(line) for line in stream.getvalue().splitlines()]
        return [(one.get("job"), one.get("server"), one.get("attempt")) for one in found if text in json.dumps(one)]

    yield about
    root.setLevel(before)
    root.removeHandler(handler)


def test_what_a_worker_and_its_lease_say_of_a_job_names_it(world, entries, monkeypatch):
    monkeypatch.setattr(lease, "RENEWALS", 600)

    def away(*_about):
        raise ShoplaunchError("database_busy", "the controller's database: away")

    monkeypatch.setattr(leases, "renew", away)
    world.panel.before["ensure_account"] = lambda: wait_until(lambda: entries("lease not renewed"))
    job = world.order()
    world.work()
    # Until its first attempt begins it has none
    assert set(entries(job.id)) == {(job.id, "web1", 0), (job.id, "web1", 1)}
    assert entries("step drop") and entries("lease not renewed")


def test_what_goes_wrong_with_an_agents_report_names_its_job(world, entries, monkeypatch):
    job, agent = world.dropped()
    pages = create_app(world.config, world.service).test_client()

    def broken(*_about):
        raise ValueError("a fault of the program")

    monkeypatch.setattr(agent_events, "record", broken)
    answer = pages.post(
        "/api/v1/agent/events", json=agent.event("started"), headers={"Authorization": f"Bearer {agent.token}"},
        base_url=world.config.public_url,
    )  # fmt: skip
    assert answer.status_code == 500
    assert set(entries("a fault of the program")) == {(job.id, "web1", 1)}


def test_a_job_that_is_made_due_again_is_named(world, entries):
    job = world.order()
    ahead = world.clock() + 400 * 86400
    transact(world.engine, lambda connection: jobs.update(connection, world.job(job), ahead, wake_at=ahead))
    chores.bring_back(world.service.installation)
    assert entries("by a clock that was ahead") == [(job.id, "web1", 0)]
