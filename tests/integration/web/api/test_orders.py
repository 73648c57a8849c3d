"""Signed requests of billing: orders and service status; replays, repetitions, forgeries."""

import json
import time
import uuid

import pytest

from shared.schema import validate
from tests.support.state.state_database import SERVERS
from tests.support.worlds.web_site import an_order

PATH = "/api/v1/orders"


@pytest.fixture(params=["sqlite", *SERVERS])
def site(request, sites):
    """A controller on SQLite, then on MariaDB or PostgreSQL, in alternation."""
    return sites(request.param)


def as_body(order):
    return json.dumps(order, ensure_ascii=False).encode("utf-8")


def assert_refused(answer, status, code):
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    document = answer.json()
    assert (document["status"], document["code"], document["instance"]) == (status, code, PATH)
    assert document["advice"]


def jobs_of(site, domain):
    return [job for job in site.service.jobs.listed() if job.domain == domain]


def test_an_order_becomes_a_job_and_its_status_is_the_answer(site):
    order = an_order(shop_name="فروشگاه نورا", language="fa")
    answer = site.signed("POST", PATH, as_body(order))
    assert answer.status_code == 202, answer.text
    status = validate("service", answer.json(), "order_invalid")
    assert (status["domain"], status["state"], status["attempt"]) == (order["domain"], "received", 0)
    assert len(jobs_of(site, order["domain"])) == 1


def test_the_same_event_again_gets_the_first_answer_though_signed_anew(site):
    body, event, now = as_body(an_order()), str(uuid.uuid4()), int(time.time())
    first = site.signed("POST", PATH, body, event=event, timestamp=now)
    site.service.jobs.cancel(first.json()["id"])
    again = site.signed("POST", PATH, body, event=event, timestamp=now + 1)
    assert (again.status_code, again.content) == (202, first.content)


def test_a_refusal_is_an_answer_too_and_repeated(site):
    event, now = str(uuid.uuid4()), int(time.time())
    body = as_body(an_order("not a domain"))
    first = site.signed("POST", PATH, body, event=event, timestamp=now)
    again = site.signed("POST", PATH, body, event=event, timestamp=now + 1)
    assert_refused(again, 422, "domain_invalid")
    assert again.content == first.content


def test_the_same_event_with_another_body_is_a_conflict_and_makes_no_job(site):
    event, other = str(uuid.uuid4()), an_order()
    assert site.signed("POST", PATH, as_body(an_order()), event=event).status_code == 202
    assert_refused(site.signed("POST", PATH, as_body(other), event=event), 409, "event_conflict")
    assert jobs_of(site, other["domain"]) == []


def test_a_signature_already_seen_is_refused_even_with_its_own_body(site):
    body, event, now = as_body(an_order()), str(uuid.uuid4()), int(time.time())
    assert site.signed("POST", PATH, body, event=event, timestamp=now).status_code == 202
    assert_refused(site.signed("POST", PATH, body, event=event, timestamp=now), 401, "request_unsigned")


@pytest.mark.parametrize("seconds", [-301, 301, -86400, 86400])
def test_a_request_of_another_time_is_refused(site, seconds):
    # What is from the future gets nearer while it is asked
    stamp = int(time.time()) + seconds + (30 if seconds > 0 else 0)
    assert_refused(site.signed("POST", PATH, as_body(an_order()), timestamp=stamp), 401, "request_unsigned")


@pytest.mark.parametrize("seconds", [-240, 290])
def test_clocks_may_differ_by_minutes(site, seconds):
    stamp = int(time.time()) + seconds
    assert site.signed("POST", PATH, as_body(an_order()), timestamp=stamp).status_code == 202


@pytest.mark.parametrize(
    "changes",
    [
        {"secret": "0" * 64},
        {"key": "nobody"},
        {"key": "../keys"},
        {"key": ""},
        {"event": "not-a-uuid"},
        {"timestamp": "now"},
        {"timestamp": "9" * 40},
        {"timestamp": -5},
        {"signature": "v1="},
        {"signature": "v2=" + "0" * 64},
        {"signature": "v1=" + "0" * 64},
        {"sent": b'{"tampered": true}'},
        {"sent": b""},
        {"without": ["X-Shoplaunch-Key"]},
        {"without": ["X-Shoplaunch-Event"]},
        {"without": ["X-Shoplaunch-Timestamp"]},
        {"without": ["X-Shoplaunch-Signature"]},
    ],
    ids=str,
)
def test_a_request_that_is_not_signed_rightly_is_refused(site, changes):
    order = an_order()
    assert_refused(site.signed("POST", PATH, as_body(order), **changes), 401, "request_unsigned")
    assert jobs_of(site, order["domain"]) == []


def test_a_signature_is_for_one_path_only(site):
    event, stamp = str(uuid.uuid4()), str(int(time.time()))
    from controller.web.api.signed_requests import signature

    made = signature(site.secret.encode(), stamp, event, "POST", PATH + "?dry=1", as_body(an_order()))
    answer = site.signed("POST", PATH, as_body(an_order()), event=event, timestamp=int(stamp), signature=made)
    assert_refused(answer, 401, "request_unsigned")


def test_the_query_is_part_of_what_is_signed(site):
    assert site.signed("POST", PATH + "?from=whmcs%20x", as_body(an_order())).status_code == 202


def test_ten_megabytes_are_refused_with_any_signature(site):
    assert_refused(site.signed("POST", PATH, b"x" * 10 * 1024 * 1024), 413, "body_too_large")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"domain": "shop"}, "domain_invalid"),
        ({"domain": "shop.example/../x"}, "domain_invalid"),
        ({"email": "nobody"}, "email_invalid"),
        ({"account": "Root"}, "account_invalid"),
        ({"account": "root; rm -rf /"}, "account_invalid"),
        ({"server": "nowhere"}, "server_unknown"),
        ({"bundle": "nothing"}, "bundle_unknown"),
        ({"unknown_field": 1}, "order_invalid"),
        ({"options": {"occupied": "burn"}}, "order_invalid"),
        ({"country": "iran"}, "order_invalid"),
    ],
    ids=str,
)
def test_a_wrong_order_is_refused_by_name_of_what_is_wrong(site, change, code):
    order = {**an_order(), **change}
    assert_refused(site.signed("POST", PATH, as_body(order)), 422, code)
    assert jobs_of(site, order["domain"]) == []


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff"], ids=["empty", "list", "cut", "not UTF-8"])
def test_a_body_that_is_no_order_is_refused(site, body):
    assert_refused(site.signed("POST", PATH, body), 422, "order_invalid")


def test_the_same_order_as_another_event_is_the_same_job(site):
    body = as_body(an_order())
    first, second = (site.signed("POST", PATH, body) for _ in range(2))
    assert first.json()["id"] == second.json()["id"]


def test_another_order_for_a_busy_domain_is_refused(site):
    order = an_order()
    site.signed("POST", PATH, as_body(order))
    other = {**an_order(), "domain": order["domain"]}
    assert_refused(site.signed("POST", PATH, as_body(other)), 409, "domain_busy")


def test_the_status_of_a_service_is_that_of_its_newest_job(site):
    service_id = "srv-" + uuid.uuid4().hex[:8]
    job = site.order(service_id=service_id)
    answer = site.signed("GET", f"/api/v1/services/{service_id}")
    assert answer.status_code == 200, answer.text
    assert validate("service", answer.json(), "order_invalid")["id"] == job.id
    assert site.signed("GET", f"/api/v1/services/{job.id}").json()["id"] == job.id


def test_the_status_is_asked_anew_each_time_even_for_the_same_event(site):
    job, event, now = site.order(), str(uuid.uuid4()), int(time.time())
    path = f"/api/v1/services/{job.id}"
    assert site.signed("GET", path, event=event, timestamp=now).json()["state"] == "received"
    site.service.jobs.cancel(job.id)
    assert site.signed("GET", path, event=event, timestamp=now + 1).json()["state"] == "cancelled"
    assert site.signed("GET", path, event=event, timestamp=now + 1).status_code == 401


def test_a_service_nobody_knows_is_not_found_and_an_unsigned_question_not_answered(site):
    answer = site.signed("GET", "/api/v1/services/nothing")
    assert (answer.status_code, answer.json()["code"]) == (404, "service_unknown")
    assert site.signed("GET", "/api/v1/services/nothing", secret="0" * 64).status_code == 401
