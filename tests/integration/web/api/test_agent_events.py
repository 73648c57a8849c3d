"""POST /api/v1/agent/events: whose report counts, what it changes, and what is refused without a trace."""

import secrets
import socket
import time

import pytest
import requests

from controller.db import events, jobs
from controller.db.connection.engine import reading
from controller.jobs.record.tokens import MAX_AGE_SECONDS, Tokens
from shared.bundle import MAX_TABLES_BYTES
from shared.events import make_event

MEGABYTE = 1024 * 1024


def an_event(job, seq=1, kind="started", attempt=1, **more):
    return make_event(job.id, attempt, seq, kind, time.time(), **more)


def row_of(site, job):
    with reading(site.service.installation.engine) as connection:
        return jobs.get(connection, job.id)


def stored(site, job):
    with reading(site.service.installation.engine) as connection:
        return [(event["seq"], event["event"]) for event in events.of_job(connection, job.id)]


@pytest.fixture
def job(site):
    return site.put(site.order(), "dropped", step="agent")


def assert_refused(answer, status, code):
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    document = answer.json()
    assert (document["status"], document["code"]) == (status, code)
    assert document["advice"] and document["title"]


def test_a_report_is_taken_and_answered_with_the_attempt(site, job):
    answer = site.report(site.agent_token(job), an_event(job))
    assert (answer.status_code, answer.json()) == (202, {"attempt": 1})
    assert row_of(site, job).state == "restoring"


def test_the_same_report_again_is_taken_again_and_changes_nothing(site, job):
    token, event = site.agent_token(job), an_event(job, stage="verify", percent=2)
    assert site.report(token, event).status_code == 202
    before = row_of(site, job)
    assert site.report(token, event).status_code == 202
    assert (row_of(site, job).version, stored(site, job)) == (before.version, [(1, "started")])


def test_reports_out_of_order_never_take_a_job_back(site, job):
    token = site.agent_token(job)
    site.report(token, an_event(job, 3, "finished", percent=98))
    assert row_of(site, job).state == "finishing"
    assert site.report(token, an_event(job, 2, "stage_finished", stage="import", percent=40)).status_code == 202
    assert site.report(token, an_event(job, 1)).status_code == 202
    assert (row_of(site, job).state, row_of(site, job).percent) == ("finishing", 98)
    assert [seq for seq, _event in stored(site, job)] == [3, 2, 1]


def broken_tokens(site, job):
    good = site.agent_token(job)
    flipped = good[:-2] + ("A" if good[-2] != "A" else "B") + good[-1]
    return {
        "none": None,
        "empty": "",
        "garbage": "x" * 40,
        "not ASCII": "توکن".encode().decode("latin-1"),
        "truncated": good[:-5],
        "forged": flipped,
        "endless": good + "a" * 5000,
        "of another controller": Tokens([secrets.token_bytes(32)]).for_agent(job.id, 1),
        "for another purpose": Tokens(site.service.installation.keys.tokens).for_status(job.id),
        "for another scope": Tokens(site.service.installation.keys.tokens).for_agent(job.id, 1, "bundle"),
        "of a job that never was": Tokens(site.service.installation.keys.tokens).for_agent("nosuchjob1", 1),
        "of an attempt that never was": Tokens(site.service.installation.keys.tokens).for_agent(job.id, 7),
    }


KINDS = (
    "none", "empty", "garbage", "not ASCII", "truncated", "forged", "endless", "of another controller",
    "for another purpose", "for another scope", "of a job that never was", "of an attempt that never was",
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_a_token_of_another_issuer_is_refused_and_changes_nothing(site, job, kind):
    before = row_of(site, job)
    assert_refused(site.report(broken_tokens(site, job)[kind], an_event(job)), 401, "token_invalid")
    assert (row_of(site, job), stored(site, job)) == (before, [])


def test_a_foreign_token_cannot_report_for_another_job(site, job):
    other = site.put(site.order(), "dropped", step="agent")
    before = row_of(site, job)
    assert_refused(site.report(site.agent_token(other), an_event(job)), 401, "token_invalid")
    assert row_of(site, job) == before


def test_an_expired_token_is_refused(site, job):
    long_ago = int(time.time()) - MAX_AGE_SECONDS - 60
    expired = Tokens(site.service.installation.keys.tokens, lambda: long_ago).for_agent(job.id, 1)
    assert_refused(site.report(expired, an_event(job)), 401, "token_invalid")


def test_the_token_of_an_older_attempt_hears_that_it_is_superseded(site, job):
    old = site.agent_token(job)
    site.put(job, "dropped", attempt=2)
    before = row_of(site, job)
    assert_refused(site.report(old, an_event(job)), 409, "superseded")
    assert (row_of(site, job), stored(site, job)) == (before, [])


def test_a_replayed_report_of_an_older_attempt_is_superseded_too(site, job):
    token, event = site.agent_token(job), an_event(job)
    assert site.report(token, event).status_code == 202
    site.put(job, "dropped", attempt=2)
    assert_refused(site.report(token, event), 409, "superseded")


def test_the_agent_of_a_cancelled_job_hears_it(site, job):
    token = site.agent_token(job)
    site.service.jobs.cancel(job.id)
    assert_refused(site.report(token, an_event(job)), 410, "cancelled")
    assert stored(site, job) == []


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'"text"', b"\xff\xfe", b"[" * 100_000, b'{"job": 1}', b'{"seq": NaN}'],
    ids=["empty", "cut", "list", "text", "not UTF-8", "deep", "incomplete", "NaN"],
)
def test_a_body_that_is_no_event_is_refused(site, job, body):
    headers = {"Authorization": f"Bearer {site.agent_token(job)}"}
    answer = requests.post(site.url + "/api/v1/agent/events", data=body, headers=headers, timeout=120)
    assert_refused(answer, 400, "event_invalid")
    assert stored(site, job) == []


def test_a_last_report_on_as_many_tables_as_a_bundle_may_have_is_taken(site, job):
    tables, size = {}, 0
    while size < MAX_TABLES_BYTES - 80:
        name = f"ps_table_{len(tables):055}"
        tables[name] = 1
        size += len(name) + len('"": 1, ')
    event = an_event(job, kind="finished", evidence={"tables": tables, "other": "x" * 100_000})
    assert len(tables) > 6500
    assert site.report(site.agent_token(job), event).status_code == 202
    with reading(site.service.installation.engine) as connection:
        assert events.final_evidence(connection, job.id, 1)["tables"] == tables


def test_ten_megabytes_are_refused_readably_and_the_server_goes_on(site, job):
    event = {**an_event(job), "log": ["x" * 10 * MEGABYTE]}
    assert_refused(site.report(site.agent_token(job), event), 413, "body_too_large")
    assert stored(site, job) == []
    assert site.report(site.agent_token(job), an_event(job)).status_code == 202


def test_ten_megabytes_without_a_stated_length_are_refused_too(site, job):
    headers = {"Authorization": f"Bearer {site.agent_token(job)}"}
    pieces = (b"x" * 65536 for _ in range(160))
    answer = requests.post(site.url + "/api/v1/agent/events", data=pieces, headers=headers, timeout=120)
    assert_refused(answer, 413, "body_too_large")


def test_a_length_of_a_terabyte_is_refused_before_it_is_sent(site):
    with socket.create_connection(("127.0.0.1", site.port), timeout=120) as sender:
        sender.sendall(
            b"POST /api/v1/agent/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\n"
            b"Content-Length: 1099511627776\r\n\r\n"
        )
        sender.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: sender.recv(65536), b""))
    assert b" 413 " in answer.split(b"\r\n")[0]
    assert b"body_too_large" in answer or b" 413 " in answer


def test_other_methods_and_paths_below_api_are_problem_documents_too(site):
    answer = requests.get(site.url + "/api/v1/agent/events", timeout=120)
    assert (answer.status_code, answer.headers["Content-Type"]) == (405, "application/problem+json")
    assert "POST" in answer.headers["Allow"]
    answer = requests.get(site.url + "/api/v1/nothing", timeout=120)
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+json")


def test_a_refusal_repeats_neither_token_nor_body(site, job):
    token = site.agent_token(job)[:-5]
    answer = site.report(token, {**an_event(job), "password": "hunter2hunter2"})
    assert token not in answer.text
    assert "hunter2" not in answer.text
    assert token not in site.log()
