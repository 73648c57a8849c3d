"""What monitoring asks: whether it lives, whether it can work, and its numbers."""

import re

import requests
import sqlalchemy as sa

from controller.db.connection.engine import transact
from controller.db.machines import starts, workers
from controller.db.tables import agent_starts
from tests.support.waiting import wait_until
from tests.support.worlds.web_site import Site

TIMEOUT = 120


def test_health_readiness_and_numbers(site):
    site.order()
    transact(site.service.installation.engine, lambda connection: workers.beat(connection, "somewhere else"))
    assert requests.get(site.url + "/healthz", timeout=TIMEOUT).json() == {"status": "ok"}
    wait_until(lambda: requests.get(site.url + "/readyz", timeout=TIMEOUT).status_code == 200)
    ready = requests.get(site.url + "/readyz", timeout=TIMEOUT).json()
    assert ready["status"] == "ok" and ready["loop_age_seconds"] < TIMEOUT
    numbers = requests.get(site.url + "/metrics", timeout=TIMEOUT)
    assert numbers.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    found = dict(re.findall(r'^shoplaunch_jobs\{state="(\w+)"\} (\d+)\.0$', numbers.text, re.M))
    assert {name: int(number) for name, number in found.items() if int(number)} == site.service.jobs.counts()


def test_numbers_show_how_agents_were_started_and_how_long_that_was_waited_for(site):
    transact(site.service.installation.engine, lambda connection: connection.execute(sa.delete(agent_starts)))
    about = {"server": "web-1", "bundle": "boutique", "attempt": 1, "worked": None, "at": 1.0}
    starts_of = [("account", "", 0.25), ("account", "", 0.5), ("cron", "no_answer", 30.0)]
    for way, reason, waited in starts_of:
        row = {**about, "job": site.order().id, "way": way, "reason": reason, "waited": waited}
        transact(site.service.installation.engine, lambda connection, row=row: starts.note(connection, row))

    def metrics():
        return requests.get(site.url + "/metrics", timeout=TIMEOUT).text

    wait_until(lambda: 'shoplaunch_agent_starts_total{reason="",way="account"} 2' in metrics())
    assert 'shoplaunch_agent_starts_total{reason="no_answer",way="cron"} 1' in metrics()
    assert 'shoplaunch_agent_start_wait_seconds_total{reason="",way="account"} 0.75' in metrics()
    assert "# TYPE shoplaunch_agent_starts_total counter" in metrics()


def test_readiness_ends_when_the_database_lost_its_tables_and_the_process_goes_on():
    with Site() as lost:
        lost.start()
        with lost.service.installation.engine.begin() as connection:
            connection.execute(sa.text("DROP TABLE alembic_version"))
        answer = requests.get(lost.url + "/readyz", timeout=TIMEOUT)
        assert (answer.status_code, answer.json()["code"]) == (503, "not_initialised")
        assert requests.get(lost.url + "/healthz", timeout=TIMEOUT).status_code == 200


def test_strangers_learn_nothing_of_the_database_from_readiness():
    with Site() as broken:
        broken.start()
        with broken.service.installation.engine.begin() as connection:
            connection.execute(sa.text("DROP TABLE workers"))
        answer = requests.get(broken.url + "/readyz", timeout=TIMEOUT)
        assert (answer.status_code, answer.json()["code"]) == (503, "database_busy")
        assert answer.json()["message"] == "the controller's database does not answer"
        assert "workers" not in answer.text
