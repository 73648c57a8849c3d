"""Errors an agent tries again by itself: shown until it gets further, reported when they last, retried on request."""

import pytest

from controller.jobs.agent_judgement.agent_trouble import LASTING_SECONDS
from shared.errors import ShoplaunchError
from tests.support.worlds.world import Agent

TICK = 60


def code(world, job):
    return (world.job(job).error or {}).get("code")


def tick(agent, error, stage="preflight", percent=2):
    """One start of the agent by cron that ends with `error` again."""
    agent.send("started", percent=percent)
    agent.send("stage_started", stage="verify", percent=percent)
    agent.send("stage_finished", stage="verify", percent=percent, seconds=0.1)
    document = {"code": error, "message": f"{error} happened", "advice": "do something", "retryable": True}
    agent.send("failed", stage=stage, percent=percent, error=document)


def ticks(world, agent, error, seconds, **more):
    for _ in range(seconds // TICK):
        world.work_later(TICK, stride=20)
        tick(agent, error, **more)
    world.work()


@pytest.mark.parametrize(
    "error", ["disk_space", "inodes", "clock_skew", "switch_failed", "bundle_missing", "file_error"]
)
def test_an_error_is_shown_while_the_agent_tries_again(world, error):
    job, agent = world.dropped()
    tick(agent, error)
    agent.send("started", percent=0)
    agent.send("heartbeat", stage="verify", percent=1)
    world.work()
    found = world.job(job)
    assert (found.state, found.step, found.error["code"]) == ("restoring", "agent", error)
    assert world.status(job)["error"]["message"] == f"{error} happened"


def test_an_agent_that_gets_further_has_no_trouble_any_more(world):
    for domain, account, sign in (
        ("one.example.com", "one", {"name": "progress", "stage": "import", "percent": 50}),
        ("two.example.com", "two", {"name": "stage_finished", "stage": "preflight", "percent": 2, "seconds": 0.1}),
        ("three.example.com", "three", {"name": "finished", "evidence": {}}),
    ):
        job, agent = world.dropped(domain=domain, account=account)
        tick(agent, "disk_space")
        assert code(world, job) == "disk_space"
        agent.send(**sign)
        assert code(world, job) is None
        agent.send("heartbeat", stage="import", percent=2)
        assert code(world, job) is None


def test_an_error_that_lasts_is_reported_once(world):
    job, agent = world.dropped()
    ticks(world, agent, "disk_space", int(LASTING_SECONDS))
    assert world.mail.alarms == []
    ticks(world, agent, "disk_space", 3600)
    (alarm,) = world.mail.alarms
    assert (alarm.job, alarm.state, alarm.step, alarm.code) == (job.id, "restoring", "agent", "disk_space")
    assert (world.job(job).state, code(world, job)) == ("restoring", "disk_space")


def test_an_error_that_passes_again_and_again_alarms_nobody(world):
    _job, agent = world.dropped()
    for percent in range(6, 40):
        ticks(world, agent, "db_unreachable", TICK, stage="import", percent=percent)
        agent.send("progress", stage="import", percent=percent + 1)
    assert world.mail.alarms == []


def test_an_operator_who_could_not_be_notified_is_notified_later_while_reports_go_on(world):
    _job, agent = world.dropped()
    world.mail.codes = ["mail_failed"] * 3
    ticks(world, agent, "disk_space", 3600)
    assert [alarm.code for alarm in world.mail.alarms] == ["disk_space"]


def test_an_operator_may_retry_what_the_agent_has_met(world):
    job, old = world.dropped()
    tick(old, "disk_space")
    world.service.jobs.retry(job.id)
    world.work()
    new = Agent(world, job)
    found = world.job(job)
    assert (found.state, found.error, new.attempt) == ("dropped", None, 2)
    with pytest.raises(ShoplaunchError) as caught:
        old.send("heartbeat")
    assert caught.value.code == "superseded"
    new.send("started", percent=0)
    assert (world.job(job).state, code(world, job)) == ("restoring", None)


@pytest.mark.parametrize("step", [None, "agent", "drop"])
def test_an_agent_at_work_without_trouble_is_not_disturbed(world, step):
    job, agent = world.dropped()
    agent.send("started")
    tick(agent, "disk_space")
    agent.send("stage_finished", stage="preflight", percent=5, seconds=0.1)
    with pytest.raises(ShoplaunchError) as caught:
        world.service.jobs.retry(job.id, step=step)
    assert caught.value.code == "illegal_transition"
    assert (world.job(job).state, world.job(job).attempt) == ("restoring", 1)


def test_a_job_whose_time_is_over_says_what_kept_it(world):
    job, agent = world.dropped()
    tick(agent, "disk_space")
    for _ in range(world.config.job_hours * 20 + 2):
        world.clock.pass_by(180)
        if world.job(job).state == "restoring":
            agent.send("heartbeat", stage="verify", percent=1)
        world.work()
    found = world.job(job)
    assert (found.state, found.error["code"]) == ("stalled", "job_expired")
    assert "disk_space: disk_space happened" in found.error["message"]


def test_an_agent_that_says_itself_that_its_time_is_over_is_shown_with_what_kept_it(world):
    job, agent = world.dropped()
    tick(agent, "disk_space")
    agent.fail("job_expired", stage="verify")
    found = world.job(job)
    assert (found.state, found.error["code"]) == ("failed", "job_expired")
    assert found.error["message"] == "job_expired happened; before that, disk_space: disk_space happened"


def test_an_agent_heard_again_after_silence_still_has_the_trouble_it_had(world):
    job, agent = world.dropped()
    tick(agent, "disk_space")
    world.work_later(600, stride=20)
    assert (world.job(job).state, code(world, job)) == ("stalled", "agent_silent")
    agent.send("heartbeat", stage="verify", percent=1)
    assert (world.job(job).state, code(world, job)) == ("restoring", "disk_space")


def test_what_an_unheard_agent_has_met_is_reported_when_it_lasts_and_may_be_retried(world):
    job, agent = world.dropped()
    error = {"code": "disk_space", "message": "3 MB are missing", "advice": "a", "retryable": True}
    for _ in range(25):
        agent.write_state(status="waiting", stage="preflight", percent=2, updated_at=world.clock(), error=error)
        world.work_later(TICK, stride=20)
    assert (world.job(job).state, code(world, job)) == ("restoring", "disk_space")
    assert [alarm.code for alarm in world.mail.alarms] == ["disk_space"]
    world.service.jobs.retry(job.id)
    world.work()
    assert (world.job(job).state, Agent(world, job).attempt) == ("dropped", 2)
