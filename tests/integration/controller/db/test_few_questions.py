"""What a page, a listing and an agent's report ask of the database: as little for many jobs as for few."""

import time
from types import SimpleNamespace

import pytest

from controller.db import jobs
from controller.db.connection.engine import transact
from controller.jobs.intake.service import open_service
from controller.settings.loading import load_config
from controller.setup import installation
from controller.web.app import create_app
from shared.events import make_event
from tests.integration.controller.asking import asked
from tests.support.worlds.web_site import OPERATOR, PASSWORD, an_order, populate


@pytest.fixture
def controller(tmp_path):
    """A controller in this process: `service`, and `pages`, a client whose operator is signed in."""
    config = load_config({"SHOPLAUNCH_HOME": str(tmp_path), "SHOPLAUNCH_PUBLIC_URL": "http://127.0.0.1:8000"})
    installation.ensure_installation(config)
    installation.set_operator(config, OPERATOR, PASSWORD)
    service = open_service(config)
    transact(service.installation.engine, populate)
    pages = create_app(config, service).test_client()
    with pages.session_transaction(base_url="http://127.0.0.1:8000") as session:
        generation = service.access.session_generation(OPERATOR)
        session.update(user=OPERATOR, generation=generation, since=int(time.time()), seen=int(time.time()))
    yield SimpleNamespace(service=service, pages=pages)
    service.installation.engine.dispose()


def questions(controller, work):
    """Return the statements that `work` sends."""
    with asked(controller.service.installation.engine) as seen:
        work()
    return [statement for statement, _values in seen]


def test_a_page_of_many_jobs_asks_no_more_than_one_of_few(controller):
    def page():
        answer = controller.pages.get("/admin/jobs", base_url="http://127.0.0.1:8000")
        assert answer.status_code == 200
        shown.append(answer.text.count("data-job="))

    shown = []
    controller.service.orders.place(an_order(), "test")
    few = questions(controller, page)
    for _ in range(11):
        controller.service.orders.place(an_order(), "test")
    many = questions(controller, page)
    assert shown == [1, 12]
    assert len(many) == len(few)


def test_a_listing_of_many_jobs_asks_no_more_than_one_of_few(controller):
    def listing():
        found.append(controller.service.jobs.statuses(controller.service.jobs.listed()))

    found = []
    for _ in range(2):
        controller.service.orders.place(an_order(), "test")
    few = questions(controller, listing)
    for _ in range(10):
        controller.service.orders.place(an_order(), "test")
    many = questions(controller, listing)
    assert [len(one) for one in found] == [2, 12]
    assert all(job["steps"][0]["name"] == "account" for job in found[1])
    assert len(many) == len(few)


def test_a_report_of_an_agent_at_work_reads_and_writes_its_job_once(controller):
    service = controller.service
    job = service.orders.place(an_order(), "test")
    dropped = {"state": "dropped", "step": "agent", "attempt": 1}
    transact(service.installation.engine, lambda connection: jobs.update(connection, job, time.time(), **dropped))
    token = service.installation.tokens.for_agent(job.id, 1)

    def report(seq, kind, **more):
        return lambda: service.agents.record(token, make_event(job.id, 1, seq, kind, time.time(), **more))

    report(1, "started")()
    beat = questions(controller, report(0, "heartbeat"))
    assert [statement.split()[0] for statement in beat] == ["SELECT", "UPDATE"]
    stage = questions(controller, report(2, "stage_started", stage="unpack"))
    assert [statement.split()[0] for statement in stage] == ["SELECT", "SELECT", "INSERT", "UPDATE"]
