"""Kinds of silence: cron never fired, the agent died, the network is blocked, the time is over."""

import json

import pytest

from shared.errors import advice
from tests.support.worlds.world import Agent


def probes(world):
    return sum(call == ("read_file", ".shoplaunch/state.json") for call in world.panel.calls)


def code(world, job):
    return (world.job(job).error or {}).get("code")


def test_cron_that_never_fired_is_reported_after_three_ticks(world):
    job, _agent = world.dropped()
    world.work_later(260, stride=10)
    assert (world.job(job).state, probes(world)) == ("dropped", 0)
    world.work_later(30, stride=10)
    found = world.job(job)
    assert (found.state, found.step, found.error["code"]) == ("stalled", "agent", "cron_never_fired")
    assert "3 ticks of 60 seconds" in found.error["message"]
    assert len(world.mail.alarms) == 1


def test_the_patience_follows_the_interval_read_back_from_the_panel(world):
    world.panel.cron_seconds = 900
    job, _agent = world.dropped()
    world.work_later(2700, stride=300)
    assert world.job(job).state == "dropped"
    world.work_later(300, stride=60)
    assert code(world, job) == "cron_never_fired"


def test_a_missing_cron_line_is_named(world):
    job, agent = world.dropped()
    world.panel.remove_cron(agent.account, f"shoplaunch:{job.id}")
    world.work_later(400, stride=20)
    assert code(world, job) == "cron_never_fired"
    assert "not in the account's crontab" in world.job(job).error["message"]


def test_an_agent_that_died_is_silent(world):
    job, agent = world.dropped()
    agent.send("started")
    agent.write_state(status="running", stage="import", percent=50, updated_at=world.clock())
    world.work_later(350, stride=10)
    assert world.job(job).state == "restoring"
    world.work_later(60, stride=10)
    found = world.job(job)
    assert (found.state, found.error["code"]) == ("stalled", "agent_silent")
    assert "import" in found.error["message"]


def test_heartbeats_alone_keep_a_long_import_alive(world):
    job, agent = world.dropped()
    agent.send("started")
    for _ in range(40):
        world.work_later(30, stride=30)
        agent.send("heartbeat", stage="import", percent=50)
    assert (world.job(job).state, probes(world)) == ("restoring", 0)


def test_an_agent_that_works_but_cannot_be_heard_is_followed_through_the_panel(world):
    job, agent = world.dropped()
    for percent in range(5, 60):
        agent.write_state(
            status="running", stage="import", percent=percent, updated_at=world.clock(),
            callback={"last_error": "connection refused", "waiting": 3},
        )  # fmt: skip
        world.work_later(30, stride=30)
    found = world.job(job)
    assert (found.state, found.error["code"], found.stage) == ("restoring", "network_blocked", "import")
    assert "connection refused" in found.error["message"]
    assert found.percent >= 40
    assert len(world.mail.alarms) == 1
    agent.send("started")
    assert (world.job(job).state, world.job(job).error) == ("restoring", None)


def test_an_unheard_agent_that_then_dies_is_silent(world):
    job, agent = world.dropped()
    agent.write_state(status="running", stage="import", percent=50, updated_at=world.clock() + 200)
    world.work_later(330, stride=30)
    assert code(world, job) == "network_blocked"
    world.work_later(500, stride=30)
    assert (world.job(job).state, code(world, job)) == ("stalled", "agent_silent")


def test_an_agent_that_gave_up_unheard_shows_why_through_the_panel(world):
    job, agent = world.dropped()
    error = {"code": "db_packet", "message": "max_allowed_packet is 1 MiB", "advice": "raise it", "retryable": False}
    agent.write_state(status="failed", stage="preflight", updated_at=world.clock(), error=error)
    world.work_later(400, stride=20)
    found = world.job(job)
    assert (found.state, found.step, found.error) == ("failed", "agent", {**error, "advice": advice("db_packet")})


REFUSALS = ["signature_invalid", "job_exposed", "wrong_account", "job_format", "job_invalid", "job_missing"]


def refusal(world, code, **state):
    """Return what the agent leaves in state.json when it refuses its job file now."""
    error = {"code": code, "message": f"{code} happened", "advice": "a", "retryable": False}
    return json.dumps({"format": 1, "status": "failed", "error": error, "updated_at": world.clock(), **state})


@pytest.mark.parametrize("refused", REFUSALS)
def test_a_job_file_the_agent_would_not_believe_is_reported_by_its_code(world, refused):
    job, agent = world.dropped()
    world.clock.pass_by(60)
    # On a fresh account nothing else is in the state: nobody vouches for the job's name
    (agent.folder / "state.json").write_text(refusal(world, refused))
    world.work_later(400, stride=20)
    found = world.job(job)
    assert (found.state, found.step, found.error["code"]) == ("failed", "agent", refused)
    assert found.error["message"] == f"{refused} happened"
    assert len(world.mail.alarms) == 1


@pytest.mark.parametrize("refused", REFUSALS)
def test_a_refusal_after_a_retry_is_reported_although_the_state_is_of_the_attempt_before(world, refused):
    job, agent = world.dropped()
    agent.fail("bundle_digest")
    world.service.jobs.retry(job.id)
    world.work()
    world.clock.pass_by(60)
    (agent.folder / "state.json").write_text(refusal(world, refused, job=job.id, attempt=1))
    world.work_later(400, stride=20)
    assert (world.job(job).state, code(world, job)) == ("failed", refused)


def test_a_refusal_that_names_this_attempt_counts_whatever_the_accounts_clock_says(world):
    job, agent = world.dropped()
    named = {"job": job.id, "attempt": 1}
    (agent.folder / "state.json").write_text(refusal(world, "job_format", updated_at=1.0, refused=named))
    world.work_later(400, stride=20)
    assert (world.job(job).state, code(world, job)) == ("failed", "job_format")


@pytest.mark.parametrize("clock_ahead", [0, 3600])
def test_a_refusal_of_the_attempt_before_is_not_taken_for_one_of_this(world, clock_ahead):
    job, agent = world.dropped()
    world.work_later(400, stride=20)
    named = {"job": job.id, "attempt": 1} if clock_ahead else None
    at = world.clock() + clock_ahead
    (agent.folder / "state.json").write_text(refusal(world, "job_format", updated_at=at, refused=named))
    world.clock.pass_by(60)
    world.service.jobs.retry(job.id)
    world.work_later(400, stride=20)
    assert (world.job(job).state, code(world, job)) == ("stalled", "cron_never_fired")


def test_an_account_without_python_is_recognised_by_its_state_file(world):
    job, agent = world.dropped()
    (agent.folder / "state.json").write_text('{"format": 1, "error": "python_missing"}')
    world.work_later(400, stride=20)
    assert (world.job(job).state, code(world, job)) == ("failed", "python_missing")


def test_a_retry_after_python_was_installed_does_not_report_python_missing_again(world):
    job, agent = world.dropped()
    (agent.folder / "state.json").write_text('{"format":1,"error":"python_missing","reported":true}')
    world.work_later(400, stride=20)
    assert code(world, job) == "python_missing"
    world.service.jobs.retry(job.id)
    world.work()
    # The launcher says nothing twice, unless there is nothing left of what it said
    assert "python_missing" not in (agent.folder / "state.json").read_text()
    world.work_later(400, stride=20)
    assert (world.job(job).state, code(world, job)) == ("stalled", "cron_never_fired")


def test_what_an_account_writes_there_is_never_trusted_with_more_than_words(world):
    job, agent = world.dropped()
    bad = {"code": "<script>", "message": "x" * 9000, "advice": 7, "retryable": "yes"}
    agent.write_state(status="failed", updated_at=world.clock(), error=bad)
    world.work_later(400, stride=20)
    from shared.schema import validate

    status = validate("service", world.status(job), "event_invalid")
    assert (status["state"], status["error"]["code"]) == ("failed", "internal")


@pytest.mark.parametrize("content", ["[]", "nonsense", '{"format": 2}', "\x00\xff"])
def test_a_file_that_is_no_state_file_says_nothing(world, content):
    job, agent = world.dropped()
    (agent.folder / "state.json").write_text(content)
    world.work_later(400, stride=20)
    assert code(world, job) == "cron_never_fired"


def test_the_state_of_an_earlier_attempt_is_not_taken_for_this_one(world):
    job, agent = world.dropped()
    agent.fail("bundle_digest")
    agent.write_state(status="failed", updated_at=world.clock(), error={"code": "bundle_digest", "message": "m"})
    world.service.jobs.retry(job.id)
    world.work_later(400, stride=20)
    assert (world.job(job).state, code(world, job)) == ("stalled", "cron_never_fired")


def test_a_job_that_is_not_finished_in_its_time_has_expired(world):
    job, agent = world.dropped()
    agent.send("started")
    hours = world.config.job_hours
    for _ in range(hours * 20 + 2):
        world.clock.pass_by(180)
        if world.job(job).state == "restoring":
            agent.send("heartbeat", stage="import")
        world.work()
    found = world.job(job)
    assert (found.state, found.error["code"]) == ("stalled", "job_expired")


def test_a_stalled_job_whose_agent_is_heard_again_goes_on(world):
    job, agent = world.dropped()
    world.work_later(400, stride=20)
    assert world.job(job).state == "stalled"
    agent.restore()
    agent.clean()
    world.serve(job)
    world.work()
    found = world.job(job)
    assert (found.state, found.error) == ("live", None)


def test_a_retry_of_a_stalled_job_drops_it_anew_with_fresh_validity(world):
    job, old = world.dropped()
    world.work_later(400, stride=20)
    world.clock.pass_by(100_000)
    world.service.jobs.retry(job.id)
    world.work()
    new = Agent(world, job)
    assert (world.job(job).state, new.attempt) == ("dropped", 2)
    assert new.payload["expires_at"] > old.payload["expires_at"]


def test_a_panel_that_does_not_answer_is_no_proof_of_anything(world):
    job, _agent = world.dropped()
    world.panel.fail("read_file", *["panel_unreachable"] * 3)
    world.work_later(400, stride=10)
    assert world.job(job).state == "dropped"
    world.work_later(200, stride=10)
    assert code(world, job) == "cron_never_fired"


@pytest.mark.parametrize(
    "code",
    ["account_missing", "account_renamed", "account_suspended", "feature_missing", "panel_refused", "panel_untrusted"],
)
def test_a_permanent_error_of_the_panel_is_reported_at_once(world, code):
    job, _agent = world.dropped()
    world.panel.fail("read_file", code)
    world.work_later(300, stride=10)
    found = world.job(job)
    assert (found.state, found.step, found.error["code"]) == ("stalled", "agent", code)
    assert [alarm.code for alarm in world.mail.alarms] == [code]


def test_a_server_that_locked_us_out_is_waited_for(world):
    job, _agent = world.dropped()
    world.panel.fail("read_file", "panel_auth_failed")
    world.work_later(300, stride=10)
    assert (world.job(job).state, code(world, job)) == ("dropped", "panel_auth_failed")
    world.work_later(120, stride=10)
    assert code(world, job) == "cron_never_fired"


@pytest.mark.parametrize("heard", [True, False])
def test_before_an_agent_counts_as_silent_the_account_itself_is_looked_at(world, heard):
    job, agent = world.dropped()
    if heard:
        agent.send("started")
    world.panel.fail("ensure_account", "account_suspended")
    world.work_later(400, stride=10)
    assert (world.job(job).state, code(world, job)) == ("stalled", "account_suspended")


def test_a_panel_that_does_not_answer_when_the_account_is_looked_at_proves_nothing(world):
    job, _agent = world.dropped()
    world.panel.fail("ensure_account", "panel_unreachable")
    world.work_later(300, stride=10)
    assert world.job(job).state == "dropped"
    world.work_later(120, stride=10)
    assert code(world, job) == "cron_never_fired"
