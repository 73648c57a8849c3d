"""How agents were started, and what is left of the time, on operators' and clients' pages."""

import html
import re
import time

import pytest
import requests

from controller.db.connection.engine import transact
from controller.db.machines import starts

TIMEOUT = 120
#: A fact of a page: its name, and its value.
FACT = re.compile(r"<dt>([^<]*)</dt><dd>(?:<bdi>)?([^<]*)<")


def given_to_the_account(site, **start):
    """Return a job that lies in its account, whose cron line was placed now."""
    job = site.order()
    for name in ("account", "database", "database_user", "privileges", "php", "drop", "cron"):
        site.put_step(job, name, "done")
    fact = {"way": "", "reason": "", "seconds": 0.1, "at": time.time(), **start}
    return site.put(job, "dropped", step="agent", facts={"cron_seconds": 60, "start": fact})


def test_an_agent_that_was_started_at_once_is_not_said_to_wait_for_cron(site, operator):
    job = given_to_the_account(site, way="account")
    page = operator.get(site.url + f"/admin/jobs/{job.id}", timeout=TIMEOUT).text
    assert "the agent was started and reports in a moment" in page
    assert "cron starts" not in page and 'id="start"' not in page


def test_an_agent_left_to_cron_is_said_to_start_at_its_next_tick(site, operator):
    job = given_to_the_account(site, reason="no_answer")
    page = operator.get(site.url + f"/admin/jobs/{job.id}", timeout=TIMEOUT).text
    assert "cron starts the agent within" in page


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", ["At once, by the site", "waited for:"]), ("fa", ["بی‌درنگ، با PHP سایت", "زمان انتظار:"])],
)
def test_the_page_of_a_job_shows_how_its_agent_was_started(site, operator, language, words):
    job = given_to_the_account(site, way="web")
    begun = {"job": job.id, "attempt": 1, "seq": 1, "event": "started", "at": time.time(), "start": "web"}
    site.report(site.agent_token(job), begun).raise_for_status()
    page = operator.get(site.url + f"/admin/jobs/{job.id}?lang={language}", timeout=TIMEOUT).text
    assert [word for word in words if word not in page] == []


def test_the_page_of_a_job_shows_why_its_agent_was_left_to_cron(site, operator):
    job = given_to_the_account(site, reason="functions_disabled")
    begun = {"job": job.id, "attempt": 1, "seq": 1, "event": "started", "at": time.time()}
    site.report(site.agent_token(job), begun).raise_for_status()
    page = operator.get(site.url + f"/admin/jobs/{job.id}?lang=en", timeout=TIMEOUT).text
    assert "By cron" in page and "PHP may not start programs there" in page


def certified(site, way, reason=""):
    """Return a job whose agent was started by `way`, by cron for `reason`, and whose shop has its certificate."""
    job = given_to_the_account(site, way=way, reason=reason)
    begun = {"job": job.id, "attempt": 1, "seq": 1, "event": "started", "at": time.time()}
    site.report(site.agent_token(job), begun if reason else {**begun, "start": way}).raise_for_status()
    facts = site.service.jobs.get(job.id).facts
    facts |= {"shop_url": "http://x.example/", "admin_url": "http://x.example/admin77/"}
    facts["first_event"]["at"] = facts["start"]["at"] + 3.4
    job = site.put(job, "live", percent=100, facts=facts)
    site.certify(job, {"files": 27062}, [])
    return job


NAMES = {
    "en": {"how": "Agent started", "why": "Left to cron because", "waited": "Waited for the agent"},
    "fa": {"how": "اجرای عامل", "why": "دلیل سپردن به کرون", "waited": "انتظار برای عامل"},
}


@pytest.mark.parametrize(("language", "way", "reason", "facts"), [
    ("en", "web", "", {"how": "At once, by the site's PHP", "waited": "3.4 s"}),
    ("fa", "web", "", {"how": "بی‌درنگ، با PHP سایت", "waited": "۳٫۴ ثانیه"}),
    ("en", "", "no_answer",
     {"how": "By cron", "why": "the site did not answer yet", "waited": "3.4 s"}),
    ("fa", "", "no_answer", {"how": "با کرون", "why": "سایت هنوز پاسخ نداد", "waited": "۳٫۴ ثانیه"}),
])  # fmt: skip
def test_the_page_of_a_certificate_shows_how_its_agent_was_started_and_what_was_waited_for(
    site, operator, language, way, reason, facts
):
    job = certified(site, way, reason)
    page = operator.get(site.url + f"/admin/jobs/{job.id}/certificate?lang={language}", timeout=TIMEOUT).text
    found = {html.unescape(name): html.unescape(value) for name, value in FACT.findall(page)}
    assert {what: found[name] for what, name in NAMES[language].items() if name in found} == facts


def test_an_agent_cannot_say_that_something_else_started_it(site):
    job = given_to_the_account(site)
    begun = {"job": job.id, "attempt": 1, "seq": 1, "event": "started", "at": time.time(), "start": "<b>me</b>"}
    answer = site.report(site.agent_token(job), begun)
    assert (answer.status_code, answer.json()["code"]) == (400, "event_invalid")


def test_what_is_left_is_reported_to_operator_and_client(site, operator):
    row = {"job": site.order().id, "attempt": 1, "server": "web-1", "bundle": "boutique", "way": "account"}
    row |= {"reason": "", "waited": 0.5, "worked": 3000.0, "at": time.time()}
    transact(site.service.installation.engine, lambda connection: starts.note(connection, row))
    job = given_to_the_account(site, way="account")
    page = operator.get(site.url + f"/admin/jobs/{job.id}?lang=en", timeout=TIMEOUT).text
    client = requests.get(site.service.jobs.status(site.service.jobs.get(job.id))["status_url"], timeout=TIMEOUT).text
    assert 'id="left"' in page and "About 50 min" in page
    assert 'id="left"' in client and "About 50 min" in client


def test_metrics_count_starts_by_way_and_reason_with_the_seconds_waited_for(site):
    common = {"attempt": 1, "server": "web-1", "bundle": "boutique", "worked": 3.0, "at": time.time()}
    found = [("ssh", "", 0.25), ("ssh", "", 0.5), ("cron", "vanished", 41.0)]
    rows = [{**common, "job": site.order().id, "way": way, "reason": why, "waited": long} for way, why, long in found]

    def note(connection):
        for row in rows:
            starts.note(connection, row)

    transact(site.service.installation.engine, note)
    # What is counted is kept for a moment
    wanted = [
        'shoplaunch_agent_starts_total{reason="",way="ssh"} 2',
        'shoplaunch_agent_start_wait_seconds_total{reason="",way="ssh"} 0.75',
        'shoplaunch_agent_starts_total{reason="vanished",way="cron"} 1',
        'shoplaunch_agent_start_wait_seconds_total{reason="vanished",way="cron"} 41.0',
    ]
    deadline = time.monotonic() + TIMEOUT
    while missing := [one for one in wanted if one not in requests.get(site.url + "/metrics", timeout=TIMEOUT).text]:
        assert time.monotonic() < deadline, missing
        time.sleep(0.2)
