"""Events nobody may send, events that come twice, late or out of turn."""

import json

import pytest

from controller.db import events
from controller.db.connection.engine import reading
from controller.jobs.record.tokens import Tokens
from tests.support.error_codes import error_code
from tests.support.worlds.world import EVIDENCE, Agent

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def stored(world, job):
    with reading(world.engine) as connection:
        return [(row["attempt"], row["seq"], row["event"]) for row in events.of_job(connection, job.id)]


def untouched(world, job):
    """Return what must not change by an event that is refused."""
    found = world.job(job)
    return found.version, found.state, found.heard_at, stored(world, job)


def test_a_token_of_another_job_cannot_report_this_one(world):
    job, agent = world.dropped()
    _other, stranger = world.dropped(domain="other.example.com", account="bob")
    before = untouched(world, job)
    assert error_code(world.service.agents.record, stranger.token, agent.event("started")) == "token_invalid"
    assert untouched(world, job) == before


def test_a_token_of_another_installation_is_refused(world):
    job, agent = world.dropped()
    before = untouched(world, job)
    forged = Tokens([b"x" * 32]).for_agent(job.id, 1)
    for token in (forged, "", "a.b.c", agent.token[:-2], agent.token + "x"):
        assert error_code(world.service.agents.record, token, agent.event("heartbeat")) == "token_invalid"
    assert untouched(world, job) == before


def test_a_token_for_something_else_is_refused(world):
    job, agent = world.dropped()
    other = Tokens(world.keys.tokens).for_agent(job.id, 1, scope="bundle")
    assert error_code(world.service.agents.record, other, agent.event("started")) == "token_invalid"


def test_a_token_whose_job_is_gone_is_refused_as_one_that_never_was(world):
    _job, agent = world.dropped()
    token = Tokens(world.keys.tokens).for_agent("nosuchjob1", 1)
    event = {**agent.event("started"), "job": "nosuchjob1"}
    assert error_code(world.service.agents.record, token, event) == "token_invalid"


def test_a_token_of_an_attempt_that_was_never_made_is_refused(world):
    job, agent = world.dropped()
    token = Tokens(world.keys.tokens).for_agent(job.id, 7)
    assert error_code(world.service.agents.record, token, {**agent.event("started"), "attempt": 7}) == "token_invalid"


@pytest.mark.parametrize(
    "change",
    [{"event": "exploded"}, {"seq": -1}, {"percent": 101}, {"stage": "cellar"}, {"extra": 1}, {"at": "now"},
     {"log": ["x"] * 201}, {"error": {"code": "X"}}],
)  # fmt: skip
def test_an_event_of_another_form_is_refused(world, change):
    job, agent = world.dropped()
    before = untouched(world, job)
    assert error_code(world.service.agents.record, agent.token, {**agent.event("started"), **change}) == "event_invalid"
    assert untouched(world, job) == before


def test_an_event_that_comes_twice_counts_once(world):
    job, agent = world.dropped()
    event = agent.event("stage_finished", stage="unpack", percent=40, seconds=2.0)
    for _ in range(3):
        assert world.service.agents.record(agent.token, event) == 1
    assert stored(world, job) == [(1, 1, "stage_finished")]


def test_the_final_event_repeated_after_the_shop_lives_changes_nothing(world):
    job, agent = world.dropped()
    agent.restore()
    last = {**agent.event("finished", stage="report", evidence=EVIDENCE), "seq": agent.seq - 1}
    agent.clean()
    world.serve(job)
    world.work()
    before = untouched(world, job)
    assert world.service.agents.record(agent.token, last) == 1
    assert untouched(world, job) == before
    assert len(world.mail.handed_over) == 1


def test_a_final_event_whose_earlier_ones_are_still_on_their_way_counts(world):
    job, agent = world.dropped()
    early = agent.event("started")
    world.service.agents.record(agent.token, agent.event("finished", stage="report", evidence=EVIDENCE))
    assert world.job(job).state == "finishing"
    world.service.agents.record(agent.token, early)
    assert world.job(job).state == "finishing"


def test_a_late_failure_does_not_take_a_finished_restore_back(world):
    job, agent = world.dropped()
    agent.restore()
    agent.fail("internal")
    assert world.job(job).state == "finishing"


def test_reports_of_progress_leave_a_failed_job_failed(world):
    job, agent = world.dropped()
    agent.send("started")
    agent.fail("disk_space")
    agent.send("heartbeat", stage="unpack", percent=90)
    found = world.job(job)
    assert (found.state, found.error["code"], found.percent) == ("failed", "disk_space", 20)


def stages(world, job):
    return {stage["name"]: stage for stage in world.service.jobs.agent_view(world.job(job))["stages"]}


def test_what_was_reported_earlier_and_comes_later_does_not_turn_progress_back(world):
    job, agent = world.dropped()
    begun = agent.event("stage_started", stage="unpack", percent=5)
    world.clock.pass_by(10)
    done = agent.event("stage_finished", stage="unpack", percent=40, seconds=9.5)
    agent.send("heartbeat", stage="import", percent=60)
    world.service.agents.record(agent.token, done)
    world.service.agents.record(agent.token, begun)
    assert (world.job(job).percent, stages(world, job)["unpack"]["state"]) == (60, "done")
    assert stages(world, job)["unpack"]["seconds"] == 9.5


def test_a_failure_reported_earlier_does_not_mark_a_stage_that_is_done_since(world):
    job, agent = world.dropped()
    late = agent.event("failed", stage="import", percent=20, error={
        "code": "db_error", "message": "m", "advice": "a", "retryable": False,
    })  # fmt: skip
    world.clock.pass_by(10)
    agent.send("stage_finished", stage="import", percent=75, seconds=9.5)
    world.service.agents.record(agent.token, late)
    assert stages(world, job)["import"]["state"] == "done"


def test_a_stage_that_really_begins_anew_is_shown_running(world):
    job, agent = world.dropped()
    for _ in range(2):
        agent.send("stage_started", stage="unpack", percent=5)
        assert stages(world, job)["unpack"]["state"] == "running"
        world.clock.pass_by(10)
        agent.send("stage_finished", stage="unpack", percent=40, seconds=9.5)
        world.clock.pass_by(10)
    assert stages(world, job)["unpack"]["state"] == "done"


def test_a_new_attempt_counts_its_percent_anew(world):
    job, agent = world.dropped()
    agent.send("heartbeat", stage="import", percent=60)
    agent.fail("bundle_digest")
    world.service.jobs.retry(job.id)
    world.work()
    Agent(world, job).send("progress", stage="unpack", percent=7)
    assert world.job(job).percent == 7


def test_an_agent_never_says_hundred_percent(world):
    job, agent = world.dropped()
    agent.send("progress", stage="switch", percent=100)
    assert world.job(job).percent == 97


def test_cron_that_fires_before_our_own_note_of_it_is_no_trouble(world):
    job = world.order()
    world.panel.before["cron_lines"] = lambda: None

    def fire():
        world.panel.before.clear()
        Agent(world, job).send("started")

    world.panel.before["ensure_cron"] = fire
    world.work()
    found = world.job(job)
    assert (found.state, found.error) == ("restoring", None)
    assert world.steps(job)["cron"].state == "done"


def test_an_agent_that_is_done_before_our_own_note_of_its_start_is_believed(world):
    job = world.order()

    def whole_restore():
        world.panel.before.clear()
        agent = Agent(world, job)
        agent.restore()
        agent.clean()
        world.serve(job)

    world.panel.before["ensure_cron"] = whole_restore
    world.work_later(300, stride=10)
    assert world.job(job).state == "live"
    assert world.panel.crontabs["alice"] == ["# the account's own", "5 5 * * * true"]


def test_words_of_the_agent_reach_nobody_as_more_than_words(world):
    job, agent = world.dropped()
    agent.send("failed", stage="import", error={
        "code": "db_error", "message": "x" * 4000, "advice": "<b>", "retryable": False,
    })  # fmt: skip
    assert json.dumps(world.status(job))
    assert world.job(job).error["message"] == "x" * 4000
