"""A cancelled job: the agent takes it back, we make sure that it can, and the cancellation can itself be taken back."""

import pytest

from controller.db.connection.engine import transact
from controller.db.machines import servers
from shared.job import cron_line
from tests.attacks.table import attack
from tests.support.error_codes import error_code
from tests.support.worlds.world import Agent

OWN_LINES = ["# the account's own", "5 5 * * * true"]


def test_a_job_that_never_touched_the_account_is_over_at_once(world):
    job = world.order()
    world.service.jobs.cancel(job.id)
    world.work()
    assert (world.job(job).state, world.job(job).facts["undo"]) == ("cancelled", "done")
    assert world.panel.calls == []
    assert world.order(email="other@example.com").id != job.id


def test_the_agent_hears_it_at_its_next_event_and_takes_everything_back(world):
    world.panel.ensure_account("alice", "shop.example.com", create=True, email="")
    job, agent = world.dropped()
    agent.send("started")
    world.service.jobs.cancel(job.id)
    assert error_code(lambda: agent.send("heartbeat")) == "cancelled"
    assert error_code(lambda: agent.send("stage_started", stage="import")) == "cancelled"
    world.work()
    assert world.job(job).facts["undo"] == "placed"
    agent.clean()
    world.work()
    found = world.job(job)
    assert (found.state, found.facts["undo"], found.secrets_encrypted) == ("cancelled", "done", None)
    assert world.panel.crontabs["alice"] == OWN_LINES


def test_where_the_agent_had_given_up_it_is_started_once_more_to_take_back(world):
    job, agent = world.dropped()
    agent.send("started")
    agent.fail("db_not_empty")
    world.panel.remove_cron(agent.account, f"shoplaunch:{job.id}")
    world.service.jobs.cancel(job.id)
    world.work()
    assert world.panel.crontabs["alice"] == [*OWN_LINES, cron_line(job.id)]
    # The same attempt: nothing the old one did is forgotten
    assert Agent(world, job).attempt == agent.attempt
    assert error_code(lambda: Agent(world, job).send("started")) == "cancelled"


def test_domain_and_account_stay_taken_until_everything_is_back(world):
    job, agent = world.dropped()
    agent.send("started")
    world.service.jobs.cancel(job.id)
    world.work()
    assert error_code(lambda: world.order(email="other@example.com")) == "domain_busy"
    agent.clean()
    world.work()
    assert world.order(email="other@example.com").id != job.id


def test_an_agent_that_went_without_a_word_is_noticed_by_looking(world):
    job, agent = world.dropped()
    agent.send("started")
    world.service.jobs.cancel(job.id)
    world.work()
    world.panel.remove_agent(agent.account)
    world.panel.remove_cron(agent.account, f"shoplaunch:{job.id}")
    world.work_later(600, stride=60)
    assert world.job(job).facts["undo"] == "done"


def test_a_farewell_alone_is_not_believed(world):
    job, agent = world.dropped()
    agent.send("started")
    world.service.jobs.cancel(job.id)
    world.work()
    agent.send("cleaned")
    world.work()
    assert world.job(job).facts["undo"] == "placed"


def test_what_is_put_back_while_the_agent_leaves_is_soon_put_back_whole_for_the_next_tick_to_take_away(world):
    job, agent = world.dropped()
    agent.send("started")
    world.service.jobs.cancel(job.id)
    # Launcher, agent and job file go again before the line comes, which alone starts nothing
    world.panel.before["ensure_cron"] = lambda: world.panel.before.pop("ensure_cron") and agent.clean()
    world.work()
    assert not agent.folder.exists() and cron_line(job.id) in world.panel.crontabs["alice"]
    world.work_later(10, stride=1)
    again = Agent(world, job)
    assert (again.folder / "run").exists()
    again.clean()
    world.work()
    assert world.job(job).facts["undo"] == "done"
    assert world.panel.crontabs.get("alice", OWN_LINES) == OWN_LINES


def test_an_agent_that_leaves_during_each_of_two_placements_is_soon_placed_again(world):
    job, agent = world.dropped()
    agent.send("started")
    world.service.jobs.cancel(job.id)
    leaving = [agent, agent]

    def leave():
        if leaving:
            leaving.pop().clean()

    world.panel.before["ensure_cron"] = leave
    world.work()
    world.work_later(6, stride=1)
    assert not leaving and not agent.folder.exists() and cron_line(job.id) in world.panel.crontabs["alice"]
    world.work_later(6, stride=1)
    again = Agent(world, job)
    assert (again.folder / "run").exists()
    again.clean()
    world.work()
    assert world.job(job).facts["undo"] == "done"


def test_an_account_that_says_farewell_all_the_time_does_not_keep_the_panel_busy(world):
    job, agent = world.dropped()
    agent.send("started")
    world.service.jobs.cancel(job.id)
    world.work()
    world.panel.calls.clear()
    for _ in range(60):
        world.clock.pass_by(0.5)
        agent.send("cleaned")
        world.work()
    placed = [call for call in world.panel.calls if call[0] == "ensure_agent"]
    assert 1 <= len(placed) <= 6


def test_a_cancellation_is_taken_back_with_a_new_attempt(world):
    job, agent = world.dropped()
    agent.send("started")
    world.service.jobs.cancel(job.id)
    world.work()
    world.service.jobs.undo_cancel(job.id)
    assert error_code(lambda: agent.send("heartbeat")) == "superseded"
    world.work()
    again = Agent(world, job)
    assert (world.job(job).state, again.attempt) == ("dropped", 2)
    assert again.payload["values"] == agent.payload["values"]
    again.restore()
    again.clean()
    world.serve(job)
    world.work()
    assert world.job(job).state == "live"


def test_a_job_taken_back_completely_can_still_be_revived(world):
    job, agent = world.dropped()
    world.service.jobs.cancel(job.id)
    world.work()
    agent.clean()
    world.work()
    world.service.jobs.undo_cancel(job.id)
    world.work()
    again = Agent(world, job)
    assert world.job(job).state == "dropped"
    # The old secrets were forgotten
    assert again.payload["values"]["secret.cookie_key"] != agent.payload["values"]["secret.cookie_key"]


def test_it_cannot_be_revived_when_another_job_has_the_domain(world):
    job = world.order()
    world.service.jobs.cancel(job.id)
    world.work()
    world.order(email="other@example.com")
    assert error_code(lambda: world.service.jobs.undo_cancel(job.id)) == "domain_busy"


def test_what_lives_cannot_be_cancelled(world):
    job = world.live()
    assert error_code(lambda: world.service.jobs.cancel(job.id)) == "illegal_transition"
    assert error_code(lambda: world.service.jobs.undo_cancel(job.id)) == "illegal_transition"


def test_a_shop_that_was_complete_stays_and_the_operator_is_notified_of_it(world):
    job, agent = world.dropped()
    agent.restore()
    agent.clean()
    world.site.pages["/"] = (500, {}, b"broken")
    world.work_later(200)
    assert world.job(job).state == "failed"
    world.service.jobs.cancel(job.id)
    world.work()
    found = world.job(job)
    assert (found.state, found.error["code"], found.domain_key) == ("cancelled", "cancelled_late", None)


def test_a_panel_that_does_not_answer_is_asked_again(world):
    job, agent = world.dropped()
    world.service.jobs.cancel(job.id)
    world.panel.fail("cron_lines", "panel_unreachable")
    world.work()
    assert world.job(job).error["code"] == "panel_unreachable"
    agent.clean()
    world.work_later(120, stride=30)
    found = world.job(job)
    assert (found.facts["undo"], found.error) == ("done", None)


def test_cancelling_while_a_step_runs_ends_there(world):
    job = world.order()
    world.panel.before["ensure_php"] = lambda: world.service.jobs.cancel(job.id)
    world.work()
    assert world.job(job).state == "cancelled"
    assert "ensure_cron" not in {call[0] for call in world.panel.calls}
    assert world.job(job).facts["undo"] == "done"


def test_a_cron_that_never_fires_does_not_keep_domain_and_account(world):
    job, agent = world.dropped()
    world.service.jobs.cancel(job.id)
    world.work_later(1800, stride=120)
    assert world.job(job).facts["undo"] == "placed"
    assert error_code(lambda: world.order(email="other@example.com")) == "domain_busy"
    world.work_later(3600, stride=120)
    found = world.job(job)
    assert (found.facts["undo"], found.error["code"], found.wake_at) == ("done", "cancelled_kept", None)
    assert not agent.folder.exists()
    assert world.panel.crontabs.get("alice", OWN_LINES) == OWN_LINES
    assert world.order(email="other@example.com").id != job.id


@pytest.mark.sampled(of=2, rests=True)
def test_an_agent_that_was_at_work_is_waited_for_a_day_and_what_it_leaves_is_named(world):
    job, agent = world.dropped()
    agent.send("started")
    world.service.jobs.cancel(job.id)
    world.work_later(23 * 3600, stride=1800)
    assert world.job(job).facts["undo"] == "placed"
    world.work_later(2 * 3600, stride=1800)
    found = world.job(job)
    assert (found.facts["undo"], found.error["code"]) == ("done", "cancelled_kept")
    assert agent.account.document_root in found.error["message"]
    assert not agent.folder.exists()


def test_an_account_that_has_another_name_now_keeps_nothing_busy(world):
    job, _ = world.dropped()
    world.service.jobs.cancel(job.id)
    world.panel.accounts["bob"] = world.panel.accounts.pop("alice")
    world.panel.fail("read_file", *["account_renamed"] * 20)
    world.work()
    found = world.job(job)
    assert (found.facts["undo"], found.error["code"], found.domain_key) == ("done", "cancelled_kept", None)


@attack(
    "an order is sent again while its cancelled job is still being taken back",
    "it is refused for now instead of being answered with the cancelled job; once that is over a new job is made",
)
def test_the_very_order_whose_job_is_being_taken_back_is_refused_until_that_is_done(world):
    job, agent = world.dropped()
    agent.send("started")
    world.service.jobs.cancel(job.id)
    world.work()
    assert error_code(world.order) == "service_ending"
    agent.clean()
    world.work()
    assert world.order().id != job.id


def test_a_locked_servers_alarm_that_nobody_got_is_over_with_the_rollback(world):
    """It would count as undelivered for good: a job that is over is never due again."""
    job, agent = world.dropped()
    agent.send("started")
    transact(world.engine, lambda connection: servers.lock(connection, "web1", "wrong token", world.clock()))
    world.panel.fail("read_file", "panel_auth_failed")
    world.mail.codes = ["mail_failed"]
    world.service.jobs.cancel(job.id)
    world.work()
    assert world.job(job).alarm == "wanted"
    transact(world.engine, lambda connection: servers.unlock(connection, "web1"))
    agent.clean()
    world.work_later(600, stride=60)
    found = world.job(job)
    assert (found.facts["undo"], found.wake_at, found.alarm) == ("done", None, "")
