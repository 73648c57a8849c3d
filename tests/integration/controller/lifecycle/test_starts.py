"""How an agent was started and how long that took: noted once, whether cron or the ring is faster, shown to the end."""

from dataclasses import replace

import pytest
from sqlalchemy import text

from controller.db import facts
from controller.db.connection.engine import reading, transact
from controller.db.machines import servers
from controller.jobs.lifecycle import changes, expectation
from controller.jobs.shop import certificate
from controller.panels.start import Started
from tests.support.worlds.world import EVIDENCE, Agent

KINDS = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture(autouse=True)
def starts_at_once(engine, request):
    if "world" in request.fixturenames:
        request.getfixturevalue("world")
        transact(engine, lambda c: c.execute(text("UPDATE servers SET start = 'auto'")))
    assert servers.AUTO == "auto"


def ringing(world, started, then=lambda: None):
    """Let the panel answer `started` when it is asked to start an agent, after `then()`."""

    def start_now(_account, _job_id, _attempt, _within_seconds):
        then()
        return started

    world.panel.start_now = start_now


def finish(world, job, agent, **first):
    """The agent does its work; the shop lives."""
    agent.send("started", **first)
    agent.send("finished", stage="report", percent=98, evidence=EVIDENCE)
    agent.clean()
    world.serve(job)
    world.work()
    assert world.job(job).state == "live", world.status(job)


@KINDS
def test_what_the_agent_says_of_its_start_is_reported_with_the_seconds_waited_for(world):
    ringing(world, Started("account"))
    job, agent = world.dropped()
    world.clock.pass_by(0.25)
    agent.send("started", start="account")
    assert world.status(job)["start"] == {"way": "account", "reason": "", "waited_seconds": 0.25}


@KINDS
def test_an_agent_that_cron_started_says_nothing_and_the_reason_is_reported(world):
    ringing(world, Started(reason="no_answer"))
    job, agent = world.dropped()
    world.clock.pass_by(40)
    agent.send("started")
    assert world.status(job)["start"] == {"way": "cron", "reason": "no_answer", "waited_seconds": 40.0}


@KINDS
def test_an_agent_that_was_started_at_once_and_died_unheard_counts_as_started_by_cron(world):
    ringing(world, Started("account"))
    job, agent = world.dropped()
    world.clock.pass_by(50)
    agent.send("started")
    assert world.status(job)["start"] == {"way": "cron", "reason": "unheard", "waited_seconds": 50.0}


@KINDS
@pytest.mark.parametrize("is_faster", [False, True], ids=["after the note", "before the note"])
def test_an_agent_whose_limits_are_too_small_is_reported_as_that_once_cron_has_started_another(world, is_faster):
    job, agents = world.order(), []

    def leave():
        agents.append(Agent(world, job))
        agents[0].fail("limits_too_small", retryable=True)

    ringing(world, Started("account"), leave if is_faster else lambda: None)
    world.work()
    if not is_faster:
        leave()
    world.clock.pass_by(30)
    agents[0].send("started")
    assert world.status(job)["start"] == {"way": "cron", "reason": "limited", "waited_seconds": 30.0}


@KINDS
def test_only_the_first_start_of_an_attempt_counts(world):
    ringing(world, Started("account"))
    job, agent = world.dropped()
    agent.send("started", start="account")
    world.clock.pass_by(60)
    agent.send("started")
    assert world.status(job)["start"]["way"] == "account"
    assert world.status(job)["start"]["waited_seconds"] == 0.0


def test_an_agent_faster_than_the_note_of_step_cron_is_not_lost(world):
    """Its first report comes while the step that started it is still under way."""
    job = world.order()

    def report():
        world.clock.pass_by(0.07)
        Agent(world, job).send("started", start="account")

    ringing(world, Started("account"), report)
    world.work()
    found, rows = world.job(job), world.steps(job)
    assert found.state == "restoring"
    assert (rows["cron"].state, rows["agent"].state, rows["agent"].attempts) == ("done", "running", 1)
    assert rows["agent"].started_at is not None and found.dropped_at is not None
    assert world.status(job)["start"] == {"way": "account", "reason": "", "waited_seconds": 0.07}


def test_an_agent_that_is_through_before_step_cron_is_noted_makes_a_shop_that_lives(world):
    job = world.order()

    def all_of_it():
        agent = Agent(world, job)
        agent.send("started", start="account")
        agent.send("finished", stage="report", percent=98, evidence=EVIDENCE)
        agent.clean()
        world.serve(job)

    ringing(world, Started("account"), all_of_it)
    world.work()
    found, rows = world.job(job), world.steps(job)
    assert found.state == "live", world.status(job)
    assert (rows["cron"].state, rows["agent"].state, rows["agent"].attempts) == ("done", "done", 1)


@KINDS
def test_a_job_cancelled_while_its_agent_is_started_is_taken_back(world):
    job = world.order()
    ringing(world, Started("account"), lambda: world.service.jobs.cancel(job.id))
    world.work()
    assert world.job(job).state == "cancelled"
    assert world.status(job)["start"] is None


@KINDS
def test_an_agent_that_gives_up_while_it_is_started_fails_the_job_and_a_retry_starts_a_new_one(world):
    job = world.order()
    ringing(world, Started("account"), lambda: Agent(world, job).fail("disk_space"))
    world.work()
    found = world.job(job)
    assert (found.state, found.error["code"]) == ("failed", "disk_space")
    ringing(world, Started("account"))
    world.service.jobs.retry(job.id)
    world.work()
    agent = Agent(world, job)
    assert (world.job(job).state, agent.attempt) == ("dropped", 2)
    finish(world, job, agent, start="account")


@KINDS
def test_a_new_attempt_forgets_how_the_one_before_was_started(world):
    ringing(world, Started("account"))
    job, agent = world.dropped()
    agent.send("started", start="account")
    agent.fail("disk_space")
    ringing(world, Started(reason="limits"))
    world.service.jobs.retry(job.id)
    world.work()
    assert world.status(job)["start"] is None
    Agent(world, job).send("started")
    assert world.status(job)["start"]["reason"] == "limits"


@KINDS
def test_an_agent_that_was_started_at_once_and_never_heard_is_judged_like_any_other(world):
    ringing(world, Started("account"))
    job, _agent = world.dropped()
    world.work_later(260, stride=10)
    assert world.job(job).state == "dropped"
    world.work_later(30, stride=10)
    assert world.job(job).error["code"] == "cron_never_fired"


@KINDS
def test_a_started_agent_whose_state_stands_still_is_silent_not_unstarted(world):
    ringing(world, Started("account"))
    job, agent = world.dropped()
    agent.write_state(status="running", stage="import", percent=50, updated_at=world.clock() - 10_000)
    world.work_later(300, stride=10)
    assert world.job(job).error["code"] == "agent_silent"


def test_certificate_and_counters_show_how_agents_were_started(world):
    ringing(world, Started("account"))
    job, agent = world.dropped()
    world.clock.pass_by(0.5)
    finish(world, job, agent, start="account")
    shown = world.service.jobs.certificate(job.id)
    assert (shown["started_by"], shown["start_waited_seconds"]) == ("account", 0.5)
    assert "start_reason" not in shown
    counted = world.service.monitoring.health().starts
    assert [(one.way, one.reason, one.number, one.waited) for one in counted] == [("account", "", 1, 0.5)]


@KINDS
def test_a_certificate_made_anew_counts_its_start_once(world):
    ringing(world, Started("account"))
    job, agent = world.dropped()
    finish(world, job, agent, start="account")
    found = world.job(job)
    transact(world.engine, lambda c: expectation.note(c, found, world.clock()))
    with reading(world.engine) as connection:
        assert connection.execute(text("SELECT COUNT(*) FROM agent_starts")).scalar() == 1


@KINDS
def test_a_job_of_an_earlier_version_is_certified_without_a_start(world):
    """It has neither fact: its agent reported to the version before."""
    job, agent = world.dropped()
    agent.send("started")
    changes.change(
        world.engine,
        job.id,
        world.clock(),
        lambda _c, found: facts.column(replace(facts.of(found), start=None, first_event=None)),
    )
    agent.send("finished", stage="report", percent=98, evidence=EVIDENCE)
    agent.clean()
    world.serve(job)
    world.work()
    text_of = world.service.jobs.signed_certificate(job.id)
    assert "started_by" not in certificate.read(text_of, world.keys.public_keys())
    assert world.service.monitoring.health().starts == []


@KINDS
def test_an_agent_that_was_started_at_once_is_expected_now_and_after_a_while_at_crons_next_tick(world):
    ringing(world, Started("account"))
    job, _agent = world.dropped()
    expected = lambda: world.service.jobs.agent_view(world.job(job))["expected_seconds"]  # noqa: E731
    assert expected() == 0
    world.clock.pass_by(15)
    assert 0 < expected() <= 60


@KINDS
def test_an_agent_left_to_cron_is_expected_at_its_next_tick(world):
    world.panel.cron_seconds = 300
    ringing(world, Started(reason="no_answer"))
    job, _agent = world.dropped()
    now = world.clock()
    expected = world.service.jobs.agent_view(world.job(job))["expected_seconds"]
    assert round(now + expected) % 300 == 0 and 0 < expected <= 300


@KINDS
def test_what_is_left_is_judged_by_the_shop_made_last_and_by_this_ones_start(world):
    ringing(world, Started("account"))
    job, agent = world.dropped()
    assert expectation.left(world.engine, world.job(job), world.clock()) is None
    agent.send("started", start="account")
    world.clock.pass_by(20)
    finish(world, job, agent)
    ringing(world, Started("account"))
    second, agent = world.dropped(domain="other.example.com", account="bob")
    left = expectation.left(world.engine, world.job(second), world.clock())
    assert left is not None and 0 < left <= 20
    agent.send("started", start="account")
    world.clock.pass_by(1000)
    assert expectation.left(world.engine, world.job(second), world.clock()) is None
