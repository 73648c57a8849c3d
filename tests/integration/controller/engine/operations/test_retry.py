"""What fails is tried again by itself or by an operator, exactly from where it failed, and no file is moved by hand."""

import pytest

from tests.support.error_codes import error_code
from tests.support.worlds.world import Agent


def ran(world, method):
    return sum(call[0] == method for call in world.panel.calls)


def test_an_error_that_may_pass_is_tried_again_by_itself(world):
    world.panel.fail("ensure_php", "panel_unreachable", "panel_unreachable")
    job = world.order()
    world.work()
    assert (world.job(job).state, world.job(job).error["code"]) == ("preparing", "panel_unreachable")
    world.work_later(30)
    assert (world.job(job).state, world.job(job).error) == ("dropped", None)
    assert ran(world, "ensure_php") == 3
    assert world.steps(job)["php"].attempts == 3


def test_an_error_that_lasts_fails_the_job_and_the_operator_is_notified_once(world):
    world.panel.fail("ensure_php", *["panel_unreachable"] * 5)
    job = world.order()
    world.work_later(300)
    found = world.job(job)
    assert (found.state, found.step, found.error["code"]) == ("failed", "php", "panel_unreachable")
    world.work_later(100)
    (alarm,) = world.mail.alarms
    assert (alarm.job, alarm.step, alarm.code) == (job.id, "php", "panel_unreachable")
    assert alarm.admin_url == f"http://127.0.0.1:8000/admin/jobs/{job.id}"


def test_an_operator_who_could_not_be_notified_is_notified_later(world):
    world.panel.fail("ensure_php", "panel_refused")
    world.mail.codes = ["mail_failed", "mail_failed"]
    job = world.order()
    world.work()
    assert (world.job(job).state, world.mail.alarms) == ("failed", [])
    world.work_later(300, stride=30)
    assert [alarm.job for alarm in world.mail.alarms] == [job.id]


def test_retry_runs_the_failed_step_and_what_follows_and_nothing_before_it(world):
    world.panel.fail("ensure_php", "panel_refused")
    job = world.order()
    world.work()
    assert world.job(job).state == "failed"
    before = len(world.panel.calls)
    world.service.jobs.retry(job.id)
    world.work()
    assert world.job(job).state == "dropped"
    again = {call[0] for call in world.panel.calls[before:]}
    assert {"ensure_php", "ensure_agent", "ensure_cron"} <= again
    assert not again & {"ensure_account", "ensure_database", "ensure_database_user"}


def test_a_step_parallel_to_the_failed_one_stays_done(world):
    world.panel.fail("ensure_database", "panel_refused")
    job = world.order()
    world.work()
    rows = world.steps(job)
    assert (rows["database"].state, rows["database_user"].state) == ("failed", "done")
    world.service.jobs.retry(job.id)
    world.work()
    assert world.job(job).state == "dropped"
    assert ran(world, "ensure_database_user") == 1


@pytest.mark.parametrize("asked_for", [None, "database_user"])
def test_steps_that_failed_side_by_side_are_all_run_again(world, asked_for):
    world.panel.fail("ensure_database", "panel_refused")
    world.panel.fail("ensure_database_user", "panel_refused")
    job = world.order()
    world.work()
    rows = world.steps(job)
    assert (rows["database"].state, rows["database_user"].state) == ("failed", "failed")
    world.service.jobs.retry(job.id, asked_for)
    world.work()
    assert world.job(job).state == "dropped"


def test_an_unexpected_failure_is_internal_and_does_not_reveal_its_arguments(world):
    def burst():
        world.panel.before.clear()
        raise ValueError("secret-password")

    for _ in range(1):
        world.panel.before["ensure_privileges"] = burst
    job = world.order()
    world.work()
    found = world.job(job)
    assert found.error["code"] == "internal"
    assert "secret-password" not in found.error["message"]
    world.work_later(10)
    assert world.job(job).state == "dropped"


def test_after_the_agent_failed_a_retry_gives_it_a_new_attempt_and_the_old_one_is_refused(world):
    job, old = world.dropped()
    old.send("started")
    old.fail("bundle_digest")
    found = world.job(job)
    assert (found.state, found.step, found.error["code"]) == ("failed", "agent", "bundle_digest")
    world.service.jobs.retry(job.id)
    # At once, before anything was dropped
    assert error_code(lambda: old.send("heartbeat")) == "superseded"
    world.work()
    new = Agent(world, job)
    assert (new.attempt, world.job(job).state) == (2, "dropped")
    assert new.token != old.token
    assert error_code(lambda: old.send("started")) == "superseded"
    assert new.send("started") == 2
    assert world.job(job).state == "restoring"


def test_after_a_refused_database_login_the_user_gets_a_new_password(world):
    job, old = world.dropped()
    old.fail("db_access_denied", stage="preflight")
    world.service.jobs.retry(job.id)
    world.work()
    new = Agent(world, job)
    assert world.panel.users["alice_shop"] == new.payload["values"]["db.password"]
    assert new.payload["values"]["db.password"] != old.payload["values"]["db.password"]
    others = [
        {name: value for name, value in agent.payload["values"].items() if not name.startswith("db.")}
        for agent in (old, new)
    ]
    # The agent starts at zero when anything but the database changes
    assert others[0] == others[1]
    assert (ran(world, "ensure_database"), ran(world, "ensure_database_user")) == (1, 2)


@pytest.mark.parametrize("code", ["quota_reached", "db_host_refused"])
def test_secrets_stay_the_same_for_every_attempt(world, code):
    job, old = world.dropped()
    old.fail(code)
    world.service.jobs.retry(job.id)
    world.work()
    new = Agent(world, job)
    assert new.payload["values"] == old.payload["values"]
    assert new.payload["lock_name"] == old.payload["lock_name"]


@pytest.mark.parametrize(
    ("code", "method"),
    [("db_missing", "ensure_database"), ("db_privileges", "ensure_privileges"), ("docroot_missing", "ensure_account")],
)
def test_a_retry_begins_with_the_step_that_can_mend_it(world, code, method):
    job, agent = world.dropped()
    agent.fail(code, stage="preflight")
    before = ran(world, method)
    world.service.jobs.retry(job.id)
    world.work()
    assert ran(world, method) == before + 1
    assert world.job(job).state == "dropped"


def test_a_failure_the_agent_gets_over_by_itself_is_shown_and_forgotten(world):
    job, agent = world.dropped()
    agent.send("started")
    agent.fail("db_unreachable", retryable=True)
    found = world.job(job)
    assert (found.state, found.error["code"]) == ("restoring", "db_unreachable")
    agent.send("started")
    agent.send("stage_finished", stage="import", percent=75, seconds=1.0)
    assert (world.job(job).state, world.job(job).error) == ("restoring", None)
    assert world.mail.alarms == []


def test_a_shop_that_does_not_answer_fails_at_check_and_check_alone_is_run_again(world):
    job, agent = world.dropped()
    agent.restore()
    agent.clean()
    world.site.pages["/"] = (500, {}, b"broken")
    world.work_later(200)
    found = world.job(job)
    assert (found.state, found.step, found.error["code"]) == ("failed", "check", "check_failed")
    assert world.mail.handed_over == []
    attempt, drops = found.attempt, ran(world, "ensure_agent")
    world.site.pages["/"] = (200, {"Content-Type": "text/html"}, b"Welcome")
    world.serve(job)
    world.service.jobs.retry(job.id, step="check")
    world.work()
    found = world.job(job)
    assert (found.state, found.attempt, ran(world, "ensure_agent")) == ("live", attempt, drops)


def test_a_step_cannot_run_before_those_it_needs(world):
    world.panel.fail("ensure_database", "panel_refused")
    job = world.order()
    world.work()
    assert error_code(lambda: world.service.jobs.retry(job.id, step="drop")) == "illegal_transition"
    assert error_code(lambda: world.service.jobs.retry(job.id, step="nonsense")) == "step_unknown"


def test_a_job_that_is_under_way_or_live_is_not_retried(world):
    job, _agent = world.dropped()
    assert error_code(lambda: world.service.jobs.retry(job.id)) == "illegal_transition"
    live = world.live(domain="other.example.com", account="bob")
    assert error_code(lambda: world.service.jobs.retry(live.id)) == "illegal_transition"
    assert error_code(lambda: world.service.jobs.retry(live.id, step="drop")) == "illegal_transition"


def test_mail_that_cannot_be_sent_is_sent_later_and_the_shop_is_live_meanwhile(world):
    job, agent = world.dropped()
    agent.restore()
    agent.clean()
    world.serve(job)
    world.mail.codes = ["mail_failed", "mail_failed"]
    world.work()
    found = world.job(job)
    assert (found.state, found.error["code"]) == ("live", "mail_failed")
    assert found.secrets_encrypted is not None
    world.work_later(120, stride=10)
    found = world.job(job)
    assert (found.error, len(world.mail.handed_over), found.secrets_encrypted) == (None, 1, None)


def test_a_bundle_that_is_gone_fails_the_drop_and_a_retry_finds_it_again(world):
    path = world.config.bundles / "classic.bundle"
    content = path.read_bytes()
    job = world.order()
    path.unlink()
    world.work_later(200, stride=10)
    assert (world.job(job).state, world.job(job).error["code"]) == ("failed", "bundle_missing")
    path.write_bytes(content)
    world.service.jobs.retry(job.id)
    world.work()
    assert world.job(job).state == "dropped"


def waiting_at_check(world, **changes):
    """Return a job whose shop answers 500 just now: its check is tried again by itself, a minute later."""
    job, agent = world.dropped(**changes)
    agent.restore()
    agent.clean()
    world.site.pages["/"] = (500, {}, b"broken")
    world.work_later(30, stride=0.5)
    found, row = world.job(job), world.steps(job)["check"]
    assert (found.state, row.state, row.error["code"]) == ("finishing", "waiting", "check_failed")
    assert row.not_before > world.clock.now + 30
    return job


@pytest.mark.parametrize("step", [None, "check"])
def test_a_check_that_waits_for_its_next_try_is_tried_at_once_when_an_operator_asks(world, step):
    job = waiting_at_check(world)
    attempt, drops = world.job(job).attempt, ran(world, "ensure_agent")
    world.site.pages["/"] = (200, {"Content-Type": "text/html"}, b"Welcome")
    world.serve(job)
    world.service.jobs.retry(job.id, step=step)
    world.work()
    found = world.job(job)
    assert (found.state, found.attempt, ran(world, "ensure_agent"), found.error) == ("live", attempt, drops, None)


def test_a_try_that_was_asked_for_has_all_its_repetitions_before_the_job_fails(world):
    job = waiting_at_check(world)
    world.service.jobs.retry(job.id)
    world.work()
    assert world.job(job).error["code"] == "check_failed"
    world.work_later(60)
    assert (world.job(job).state, world.mail.alarms) == ("finishing", [])
    world.work_later(120)
    assert world.job(job).state == "failed"


def test_a_check_that_waits_for_the_agents_cleaning_up_looks_at_once_when_an_operator_asks(world):
    job, agent = world.dropped()
    agent.restore()
    world.work()
    world.serve(job)
    assert world.steps(job)["check"].state == "waiting"
    world.panel.remove_agent(agent.account)
    world.panel.remove_cron(agent.account, f"shoplaunch:{job.id}")
    world.service.jobs.retry(job.id, step="check")
    world.work()
    assert world.job(job).state == "live"


def test_a_step_before_the_agent_that_waits_for_its_next_try_is_tried_at_once_in_the_same_attempt(world):
    world.panel.fail("ensure_php", *["panel_unreachable"] * 4)
    job = world.order()
    world.work_later(30, stride=0.5)
    assert (world.job(job).state, world.steps(job)["php"].state) == ("preparing", "waiting")
    world.service.jobs.retry(job.id)
    world.work()
    assert (world.job(job).state, world.job(job).attempt) == ("dropped", 1)


def test_a_waiting_job_is_not_retried_at_a_step_that_does_not_wait(world):
    job = waiting_at_check(world)
    for step in ("drop", "account", "agent", "notify"):
        assert error_code(lambda step=step: world.service.jobs.retry(job.id, step=step)) == "illegal_transition"
    assert error_code(lambda: world.service.jobs.retry(job.id, step="tls")) == "illegal_transition"
    assert world.steps(job)["check"].not_before > world.clock.now


def test_mail_that_waits_for_its_next_try_is_sent_at_once_when_an_operator_asks(world):
    job, agent = world.dropped()
    agent.restore()
    agent.clean()
    world.serve(job)
    world.mail.codes = ["mail_failed", "mail_failed", "mail_failed"]
    world.work_later(100)
    assert world.steps(job)["notify"].state == "waiting"
    world.service.jobs.retry(job.id)
    world.work()
    assert (world.job(job).error, len(world.mail.handed_over)) == (None, 1)
