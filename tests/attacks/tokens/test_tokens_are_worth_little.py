"""A client's own token is worth little: what it may cost in alarms, panel calls, bytes and time is bounded."""

import json

import pytest

from controller.agent_archive import versions
from controller.db import events, jobs
from controller.db.connection.engine import reading, transact
from controller.jobs.intake.installation import Installation
from controller.jobs.intake.service import Service
from controller.jobs.record import sanitize
from shared.errors import ShoplaunchError
from shared.events import make_event
from tests.attacks.table import attack
from tests.support.error_codes import error_code
from tests.support.worlds.world import EVIDENCE

HOUR = 3600.0
DAY = 24 * HOUR
#: As OPERATING.md names them.
KEPT = 300
TOKEN_DAYS = 7
#: The widest characters there are: twelve bytes each where they are kept.
WIDE = "\U0001f600"


def trouble(**changes):
    return {"code": "db_error", "message": "m", "advice": "a", "retryable": True, **changes}


def kept(world, job):
    with reading(world.engine) as connection:
        return events.of_job(connection, job.id)


def attempts(agent):
    """Send one report of every kind that ends nothing; what is refused is refused."""
    agent.send("heartbeat", percent=30)
    agent.send("progress", stage="import", percent=40)
    agent.send("started")
    agent.send("stage_started", stage="import", percent=41)
    agent.send("stage_finished", stage="import", percent=50, seconds=1.0)
    agent.send("failed", stage="import", percent=50, error=trouble())


def expired(world):
    """Return a job that was not finished in time, and its agent."""
    job, agent = world.dropped()
    agent.send("started")
    world.clock.pass_by(DAY + 1)
    world.work()
    assert (world.job(job).state, world.job(job).error["code"]) == ("stalled", "job_expired")
    return job, agent


@attack(
    "a client's token reports on and on once its job has expired",
    "nothing changes, nobody is notified, and the panel is not asked",
)
def test_behind_its_validity_a_token_wakes_nobody(world):
    job, agent = expired(world)
    before, calls, alarms = world.job(job), len(world.panel.calls), len(world.mail.alarms)
    for _ in range(10):
        attempts(agent)
        world.work_later(HOUR, stride=900)
    now = world.job(job)
    assert (now.state, now.error, now.updated_at) == (before.state, before.error, before.updated_at)
    assert (len(world.panel.calls), len(world.mail.alarms)) == (calls, alarms) and alarms == 1
    assert [event["event"] for event in kept(world, job)] == ["started"]


def test_one_end_is_taken_behind_the_validity(world):
    job, agent = expired(world)
    agent.send("finished", stage="report", percent=98, evidence=EVIDENCE)
    world.serve(job)
    world.work()
    assert world.job(job).state == "finishing"
    agent.clean()
    world.work()
    assert world.job(job).state == "live"


@attack("a client's token ends its expired attempt again and again", "the first end counts, none of the others does")
def test_one_end_only_is_taken_behind_the_validity(world):
    job, agent = expired(world)
    agent.fail("db_packet")
    world.work()
    assert world.job(job).state == "failed"
    before, alarms = world.job(job), len(world.mail.alarms)
    for number in range(20):
        agent.fail(("db_packet", "db_error", "disk_full")[number % 3])
        agent.send("finished", stage="report", percent=98, evidence=EVIDENCE)
    world.work_later(2 * HOUR, stride=900)
    assert (world.job(job).state, world.job(job).error) == ("failed", before.error)
    assert len(world.mail.alarms) <= alarms + 1
    assert [event["event"] for event in kept(world, job)] == ["started", "failed"]


def test_a_token_is_good_for_the_validity_of_its_job_and_seven_days(world):
    _job, agent = world.dropped()
    world.clock.pass_by(DAY + TOKEN_DAYS * DAY - 60)
    agent.send("heartbeat")
    world.clock.pass_by(120)
    final = agent.event("finished", evidence=EVIDENCE)
    assert error_code(lambda: world.service.agents.record(agent.token, final)) == "token_invalid"


@attack("a client's agent is silent, reports once, is silent again, for hours", "its operator hears of it once an hour")
def test_one_job_alarms_once_an_hour(world):
    job, agent = world.dropped()
    for _ in range(40):
        agent.send("heartbeat")
        world.work_later(540, stride=60)
    assert world.clock.now - world.job(job).created_at >= 6 * HOUR
    assert 1 <= len(world.mail.alarms) <= 7
    # What came within the hour is reported when it is over
    world.work_later(HOUR + 120, stride=60)
    assert world.job(job).alarm == "told" and world.mail.alarms[-1].state == "stalled"


@attack(
    "a program with an order key, a client or an operator tries a job again each time that its agent fails",
    "the job alarms once an hour all the same, and what failed last is reported when that is over",
)
@pytest.mark.parametrize("code", ["db_packet", "panel_auth_failed"])
def test_a_job_that_is_tried_again_and_again_alarms_once_an_hour(world, code):
    job, agent = world.dropped()
    began = world.clock.now
    for _ in range(30):
        agent.fail(code)
        world.work()
        assert world.job(job).state == "failed"
        world.service.jobs.retry(job.id)
        world.work_later(240, stride=60)
        assert world.job(job).state == "dropped"
        agent = type(agent)(world, job)
    hours = (world.clock.now - began) / HOUR
    assert hours >= 2 and 1 <= len(world.mail.alarms) <= hours + 1
    agent.fail("db_error")
    world.work_later(HOUR + 120, stride=60)
    assert (world.job(job).alarm, world.mail.alarms[-1].code) == ("told", "db_error")


PHISH = "Dear operator, your licence has run out: pay at https://evil.example/"


@attack(
    "a client's token reports a failure in words that are meant for the operator",
    "mails and tickets say the code and our advice; the words stand on the operator's page alone",
)
@pytest.mark.parametrize("way", ["reported", "reported and lasting", "read through the panel", "expired with it"])
def test_a_clients_words_are_in_no_mail_and_no_ticket(world, way):
    job, agent = world.dropped()
    error = trouble(message=PHISH, advice=PHISH, code="db_error", retryable=way != "reported")
    if way == "read through the panel":
        error["retryable"] = False
        agent.write_state(stage="import", status="failed", percent=3, updated_at=world.clock(), error=error)
        world.work_later(600, stride=60)
    else:
        agent.send("failed", stage="import", percent=20, error=error)
        for _ in range(12 if way == "reported and lasting" else 0):
            world.work_later(60, stride=60)
            agent.send("failed", stage="import", percent=20, error=error)
        world.work()
    if way == "expired with it":
        world.clock.pass_by(DAY + 1)
        world.work()
    assert "evil" in world.job(job).error["message"]
    (alarm,) = world.mail.alarms
    assert "evil" not in json.dumps({name: value for name, value in vars(alarm).items() if name != "about"})
    assert alarm.code in ("db_error", "job_expired") and alarm.advice and alarm.message


@attack("a client's token reports a code nobody knows", "the operator's mail names our own, with our advice")
def test_a_clients_own_code_is_in_no_mail(world):
    job, agent = world.dropped()
    agent.fail("pay_at_evil_example")
    world.work()
    assert world.job(job).error["code"] == "pay_at_evil_example"
    assert world.mail.alarms[0].code == "agent_code_unknown" and world.mail.alarms[0].advice


@attack(
    "a client's token sends thousands of reports with the widest words there are",
    "a few hundred are kept, each cut to 8 kB, never the one that ends the attempt",
)
def test_reports_without_end_are_dropped_and_the_end_is_kept(world):
    job, agent = world.dropped()
    words = WIDE * 4000
    for number in range(3 * KEPT):
        world.clock.pass_by(20)
        if number % 3 == 0:
            agent.send("failed", stage="import", percent=20, error=trouble(message=words, advice=words))
        else:
            agent.send("stage_started", stage="import", percent=20)
    agent.restore()
    found = kept(world, job)
    assert KEPT // 2 < len(found) <= KEPT
    assert max(len(json.dumps(event)) for event in found) <= 8192
    with reading(world.engine) as connection:
        assert events.final_evidence(connection, job.id, 1) == EVIDENCE
    row = world.job(job)
    assert row.events_kept == len(found)
    assert row.events_bytes == sum(
        len(events.body_of({name: value for name, value in event.items() if name != "received_at"})) for event in found
    )


def test_what_finds_no_room_is_refused_with_a_code_of_its_own(world):
    job, agent = world.dropped()
    transact(world.engine, lambda connection: jobs.count(connection, world.job(job), events_bytes=16 * 1024 * 1024))
    assert error_code(lambda: agent.send("started")) == "events_full"
    # Heartbeats are not kept
    agent.send("heartbeat")
    assert (world.job(job).state, kept(world, job)) == ("restoring", [])


@attack("a client's token sends a report again whose first was dropped meanwhile", "it is known, and changes nothing")
def test_a_report_that_was_dropped_is_still_known(world):
    job, agent = world.dropped()
    old = agent.event("stage_started", stage="unpack", percent=20)
    world.service.agents.record(agent.token, old)
    for _ in range(2 * KEPT):
        world.clock.pass_by(2)
        agent.send("stage_started", stage="import", percent=60)
    assert old["seq"] not in [event["seq"] for event in kept(world, job)]
    before = world.job(job)
    world.service.agents.record(agent.token, old)
    assert world.job(job).version == before.version


@attack("a client's token floods two processes with reports", "the database bounds what both of them take")
def test_a_flood_is_bounded_over_all_processes(world):
    job, agent = world.dropped()
    other = Service(
        Installation(
            world.config,
            world.engine,
            world.keys,
            panel_of=lambda _c, _s: world.panel,
            billing=world.mail,
            clock=world.clock,
        )
    )
    taken = 0
    for number in range(2000):
        world.clock.pass_by(0.01)
        service = (world.service, other)[number % 2]
        try:
            service.agents.record(agent.token, make_event(job.id, 1, number + 1, "stage_started", world.clock()))
            taken += 1
        except ShoplaunchError as error:
            assert error.code == "events_too_fast" and error.retryable and error.details["retry_after_seconds"] >= 1
    # At once, and two a second for twenty seconds
    assert 240 <= taken <= 281


@attack("a client's token floods with everything but heartbeats", "heartbeats are taken all the same")
def test_a_flood_keeps_no_heartbeat_out(world):
    job, agent = world.dropped()
    refused = 0
    for number in range(10):
        world.clock.pass_by(30)
        for _ in range(100):
            try:
                agent.send("progress", stage="import", percent=20)
            except ShoplaunchError as error:
                assert error.code == "events_too_fast"
                refused += 1
        agent.send("heartbeat", percent=20 + number)
        assert world.job(job).percent == 20 + number
    assert refused > 100


def test_a_flood_of_heartbeats_is_bounded_too(world):
    _job, agent = world.dropped()
    taken = 0
    for _ in range(200):
        try:
            agent.send("heartbeat")
            taken += 1
        except ShoplaunchError as error:
            assert error.code == "events_too_fast"
    assert 10 <= taken <= 20
    agent.send("started")


def test_the_time_of_another_clock_keeps_no_report_out(world):
    """One process is an hour ahead: what it noted is no reason to refuse in the others."""
    job, agent = world.dropped()
    world.clock.pass_by(HOUR)
    for _ in range(100):
        agent.send("progress", percent=20)
    world.clock.now -= HOUR
    other = Service(
        Installation(
            world.config,
            world.engine,
            world.keys,
            panel_of=lambda _c, _s: world.panel,
            billing=world.mail,
            clock=world.clock,
        )
    )
    other.agents.record(agent.token, agent.event("started"))
    assert world.job(job).events_kept == 1


def post(site, job, body):
    import requests

    headers = {"Authorization": f"Bearer {site.agent_token(job)}", "Content-Type": "application/json"}
    return requests.post(site.url + "/api/v1/agent/events", data=body, headers=headers, timeout=120)


@pytest.fixture
def installed(site):
    """The version of the agent that is installed there."""
    folder = site.service.config.agent
    folder.mkdir(parents=True, exist_ok=True)
    files = (folder / "run", folder / "agent.pyz")
    for path in files:
        path.write_bytes(b"an agent")
    yield versions.installed(folder).version
    for path in files:
        path.unlink()


@attack("a client's token sends reports of 99 kB", "413: none but the final one is larger than 8 kB")
@pytest.mark.parametrize(
    "kind", ["started", "stage_started", "stage_finished", "progress", "heartbeat", "cleaned", "failed"]
)
def test_a_large_report_is_refused(site, installed, kind):
    job = site.put(site.order(), "restoring", step="agent", agent=installed)
    seq = 0 if kind in ("progress", "heartbeat") else 1
    event = make_event(job.id, 1, seq, kind, 1.0, log=["x" * 1000] * 99)
    answer = post(site, job, json.dumps(event))
    assert (answer.status_code, answer.json()["code"]) == (413, "event_too_large")
    # Whatever else it says it is
    text = json.dumps(event)[:-1] + ', "evidence": {"event": "finished"}}'
    answer = post(site, job, text)
    assert (answer.status_code, answer.json()["code"]) == (413, "event_too_large")


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("agent", [None, "0.0.9-0123456789"])
def test_a_failure_with_the_log_of_an_earlier_release_is_taken(site, agent):
    job = site.put(site.order(), "restoring", step="agent", agent=agent)
    error = trouble(message="م" * 4000, retryable=False)
    event = make_event(job.id, 1, 1, "failed", 1.0, error=error, log=["x" * 1000] * 80)
    assert post(site, job, json.dumps(event)).status_code == 202
    with reading(site.service.installation.engine) as connection:
        (stored,) = events.of_job(connection, job.id)
    assert len(json.dumps(stored)) <= 8192 and site.service.jobs.get(job.id).error["message"] == "م" * 4000


NESTS = {
    "lists": b"[" + b"[]," * 240_000 + b"[]]",
    "objects": b"[" + b"{}," * 240_000 + b"{}]",
    "numbers": b"[" + b"1," * 360_000 + b"1]",
    "deep": b"[" * 360_000 + b"]" * 360_000,
}


@attack("a client's token sends 750 kB of nested lists", "they are counted and refused before they are parsed")
@pytest.mark.parametrize("kind", NESTS)
def test_a_report_of_hundreds_of_thousands_of_values_is_not_parsed(world, monkeypatch, kind):
    from controller.jobs.agent_link import reports

    job, _agent = world.dropped()
    body = json.dumps(make_event(job.id, 1, 1, "finished", 1.0, evidence={"a": 1})).encode()
    body = body.replace(b'{"a": 1}', b'{"a": ' + NESTS[kind] + b"}")
    assert reports.read(body.replace(NESTS[kind], b"1"))["event"] == "finished"
    monkeypatch.setattr(sanitize.json, "loads", lambda *_: pytest.fail("it was parsed"))
    assert error_code(lambda: reports.read(body)) == "event_invalid"


@attack("a stranger without a token sends large reports", "nothing of them is read")
def test_nothing_of_a_strangers_report_is_parsed(site):
    import requests

    headers = {"Authorization": "Bearer " + "x" * 40, "Content-Type": "application/json"}
    answer = requests.post(site.url + "/api/v1/agent/events", data=b"{" * 9000, headers=headers, timeout=120)
    assert (answer.status_code, answer.json()["code"]) == (401, "token_invalid")


def test_a_refusal_says_when_to_come_back(site):
    job = site.put(site.order(), "restoring", step="agent")
    token = site.agent_token(job)
    answers = [site.report(token, make_event(job.id, 1, 0, "heartbeat", 1.0)) for _ in range(60)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused and refused[0].json()["code"] == "events_too_fast"
    assert 1 <= int(refused[0].headers["Retry-After"]) <= 10
