"""Billing's events over HTTP: signed, counted once, answered with the service's status; retries."""

import json
import time
import uuid

import pytest

from shared.schema import validate
from tests.integration.billing.events import accepted, created, terminated
from tests.support.state.state_database import SERVERS

PATH = "/api/v1/orders"


@pytest.fixture(params=["sqlite", *SERVERS])
def site(request, sites):
    """A controller on SQLite, then on MariaDB or PostgreSQL, in alternation."""
    return sites(request.param)


def an_event(**changes):
    return created(server_host="web-1", bundle="boutique", **changes)


def send(site, reported, path=PATH, **options):
    return site.signed("POST", path, json.dumps(reported, ensure_ascii=False).encode("utf-8"), **options)


def status_of(site, service_id):
    return site.signed("GET", f"/api/v1/services/{service_id}")


def test_a_created_service_is_answered_with_the_status_of_its_job(site):
    event = an_event(first_name="نورا 🎉", language="fa", email="nora+shop@example.com")
    answer = send(site, event)
    assert answer.status_code == 202, answer.text
    status = validate("service", answer.json(), "order_invalid")
    assert (status["domain"], status["service_id"], status["waiting_for"]) == (
        event["domain"],
        event["service_id"],
        None,
    )
    assert status["status_url"].startswith(site.url)
    assert status_of(site, event["service_id"]).json()["id"] == status["id"]


def test_what_a_service_waits_for_is_reported_and_then_no_longer(site):
    event = an_event(wait_for_acceptance=True)
    assert send(site, event).json()["waiting_for"] == "accepted"
    answer = status_of(site, event["service_id"])
    assert (answer.status_code, answer.json()["waiting_for"], answer.json()["id"]) == (200, "accepted", None)
    assert send(site, accepted(event["service_id"])).json()["waiting_for"] is None
    assert send(site, terminated(event["service_id"])).json()["state"] == "cancelled"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"server_host": "web9.example.net"}, "server_unknown"),
        ({"domain": ""}, "domain_invalid"),
        ({"email": "nobody"}, "email_invalid"),
        ({"bundle": "nothing"}, "bundle_unknown"),
        ({"service_id": "../1"}, "order_invalid"),
        ({"service_id": 7}, "order_invalid"),
        ({"no_such_field": 1}, "order_invalid"),
    ],
    ids=str,
)
def test_a_refusal_names_what_is_wrong_with_advice(site, change, code):
    answer = send(site, {**an_event(), **change})
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert answer.headers["Content-Type"] == "application/problem+json" and answer.json()["advice"]


@pytest.mark.parametrize(
    "options",
    [{"secret": "0" * 64}, {"timestamp": 1_700_000_000}, {"sent": b"{}"}, {"without": ["X-Shoplaunch-Key"]}],
    ids=str,
)
def test_an_event_that_is_unsigned_stale_or_altered_leaves_nothing(site, options):
    event = an_event()
    assert send(site, event, **options).status_code == 401
    assert status_of(site, event["service_id"]).status_code == 404


def test_a_replayed_event_is_refused_and_a_repeated_one_gets_the_first_answer(site):
    event, name, now = an_event(), str(uuid.uuid4()), int(time.time())
    first = send(site, event, event=name, timestamp=now)
    assert send(site, event, event=name, timestamp=now).status_code == 401
    assert send(site, event, event=name, timestamp=now + 1).content == first.content
    assert send(site, {**event, "domain": "x.example.com"}, event=name, timestamp=now + 2).status_code == 409


def test_an_oversized_event_is_refused(site):
    assert send(site, {**an_event(), "first_name": "x" * 10_000_000}).status_code == 413


def test_a_failed_step_is_run_again_for_billing(site):
    event = an_event()
    job = site.service.jobs.get(send(site, event).json()["id"])
    site.fail(job, "php", "panel_refused", "no such PHP")
    path = f"/api/v1/services/{event['service_id']}/retry"
    assert send(site, {"step": "nonsense"}, path).json()["code"] == "step_unknown"
    assert send(site, {"step": 5}, path).status_code == 422
    answer = send(site, {"step": None}, path)
    assert (answer.status_code, answer.json()["state"], answer.json()["step"]) == (202, "preparing", "php")
    # It waits to be run by then: nothing begins anew
    again = send(site, {}, path)
    assert (again.status_code, again.json()["attempt"]) == (202, answer.json()["attempt"])
    assert send(site, {}, "/api/v1/services/nothing/retry").status_code == 404
    assert send(site, {}, path, secret="0" * 64).status_code == 401
