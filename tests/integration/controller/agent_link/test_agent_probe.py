"""A network that lets nothing out of the account: the controller reads how far the agent is, and answers by a file."""

import pytest

from controller.db import events
from controller.db.connection.engine import reading
from shared.errors import ShoplaunchError, advice
from tests.integration.controller.deaf import blocked, deaf
from tests.support.worlds.world import EVIDENCE

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


ERROR = {"code": "db_packet", "message": "too small", "advice": "raise it", "retryable": False}


def gives_up(world, agent, **more):
    """The agent gives up, and the controller has looked."""
    agent.state(status="failed", stage="preflight", error=ERROR, **more)
    world.work_later(65, stride=5)


def calls(world, name):
    return sum(call[0] == name for call in world.panel.calls)


def test_a_blocked_network_still_ends_in_live(world):
    job, agent = blocked(world)
    agent.finished()
    world.work_later(65, stride=5)
    found = world.job(job)
    assert (found.state, found.error) == ("finishing", None)
    assert agent.answer() == {"format": 1, "job": job.id, "attempt": 1, "seq": 19, "status": 202}
    agent.leave()
    world.serve(job)
    world.work_later(30, stride=5)
    assert world.job(job).state == "live"
    assert world.service.jobs.certificate(job.id)["evidence"]["tables"] == EVIDENCE["tables"]
    assert len(world.mail.handed_over) == 1
    assert [alarm.code for alarm in world.mail.alarms] == ["network_blocked"]


def test_an_unheard_agent_that_has_counted_for_days_is_taken_at_its_word_and_answered(world):
    job, agent = blocked(world)
    agent.finished(seq=20_001)
    world.work_later(65, stride=5)
    assert world.job(job).state == "finishing"
    assert agent.answer()["seq"] == 20_001


def test_an_unheard_agent_that_gave_up_after_days_is_answered_up_to_its_last_number(world):
    job, agent = blocked(world)
    gives_up(world, agent, callback={"seq": 20_001})
    assert (world.job(job).state, agent.answer()["seq"]) == ("failed", 20_001)


def test_a_shop_that_is_done_at_the_first_look_goes_on_from_there(world):
    job, _ = world.dropped()
    agent = deaf(world, job)
    agent.finished()
    world.work_later(280, stride=10)
    assert world.job(job).state == "finishing"
    agent.leave()
    world.serve(job)
    world.work_later(30, stride=5)
    assert world.job(job).state == "live"
    assert world.mail.alarms == []


def test_people_see_how_far_an_unheard_agent_is(world):
    job, agent = blocked(world)
    stages = {"unpack": {"state": "done", "seconds": 12.5}, "import": {"state": "running"}}
    agent.state(stage="import", percent=60, stages=stages)
    world.work_later(65, stride=5)
    shown = {row["name"]: row for row in world.service.jobs.agent_view(world.job(job))["stages"]}
    assert (shown["unpack"]["state"], shown["unpack"]["seconds"]) == ("done", 12.5)
    assert shown["import"]["state"] == "running"
    assert (world.job(job).percent, world.job(job).stage) == (60, "import")


def test_looking_every_minute_costs_one_reading_of_one_file(world):
    job, agent = blocked(world)
    before = len(world.panel.calls)
    reads = calls(world, "read_file")
    for minute in range(20):
        agent.state(stage="import", percent=20 + minute)
        world.work_later(60, stride=60)
    assert len(world.panel.calls) - before == calls(world, "read_file") - reads <= 20
    assert world.job(job).percent >= 38
    assert len(world.mail.alarms) == 1


def test_an_agent_that_is_heard_again_is_no_longer_looked_for(world):
    job, agent = blocked(world)
    agent.send("started")
    world.work()
    reads = calls(world, "read_file")
    for _ in range(10):
        world.work_later(30, stride=30)
        agent.send("heartbeat", stage="import", percent=50)
    assert calls(world, "read_file") == reads
    assert world.job(job).error is None


def test_the_real_event_that_comes_after_all_changes_nothing_more(world):
    job, agent = blocked(world)
    final = agent.finished()
    world.work_later(65, stride=5)
    before = world.job(job)
    world.service.agents.record(agent.token, final)
    assert world.job(job).version == before.version
    # What waited before it comes too
    world.service.agents.record(agent.token, {**final, "seq": 3, "event": "started", "evidence": {}})
    assert world.job(job).state == "finishing"
    agent.leave()
    world.serve(job)
    world.work_later(30, stride=5)
    assert world.job(job).state == "live"
    with reading(world.engine) as connection:
        kept = [event for event in events.of_job(connection, job.id) if event["event"] == "finished"]
    assert len(kept) == 1
    assert len(world.mail.handed_over) == 1


def test_the_event_that_was_heard_just_before_the_look_counts_once(world):
    job, agent = blocked(world)
    final = agent.finished()
    world.panel.before["read_file"] = lambda: (
        world.panel.before.clear(),
        world.service.agents.record(agent.token, final),
    )
    world.work_later(65, stride=5)
    found = world.job(job)
    assert (found.state, found.facts.get("ack_seq")) == ("finishing", None)


@pytest.mark.parametrize(
    "change",
    [
        {"job": "another1"}, {"attempt": 2}, {"event": "failed"}, {"event": "cleaned"}, {"seq": 0}, {"seq": 2**31},
        {"percent": 101}, {"extra": 1}, {"at": "now"}, {"evidence": []},
    ],
    ids=str,
)  # fmt: skip
def test_a_final_event_that_the_door_would_refuse_is_not_taken_from_the_file(world, change):
    job, agent = blocked(world)
    final = {**agent.finished(), **change}
    agent.finished(final=final)
    world.work_later(65, stride=5)
    assert world.job(job).state == "restoring"
    assert agent.answer() is None


def test_evidence_read_through_the_panel_is_judged_like_any_other(world):
    job, agent = blocked(world)
    agent.finished(evidence={**EVIDENCE, "tables": {"ps_product": 18, "ps_shop": 1}})
    world.work_later(65, stride=5)
    agent.leave()
    world.serve(job)
    world.work_later(60, stride=5)
    found = world.job(job)
    assert (found.state, found.error["code"]) == ("failed", "check_failed")


def test_an_agent_that_does_not_leave_is_removed_like_any_other(world):
    job, agent = blocked(world)
    agent.finished()
    world.serve(job)
    world.work_later(400, stride=10)
    assert world.job(job).state == "live"
    assert not agent.folder.exists()
    assert world.panel.crontabs["alice"] == ["# the account's own", "5 5 * * * true"]


def test_an_answer_that_cannot_be_written_now_is_written_later(world):
    job, agent = blocked(world)
    agent.finished()
    world.panel.fail("put_file", "panel_unreachable", "panel_unreachable")
    world.work_later(120, stride=5)
    assert agent.answer()["seq"] == 19
    agent.leave()
    world.serve(job)
    world.work_later(60, stride=5)
    assert world.job(job).state == "live"


def test_what_keeps_an_unheard_agent_waiting_is_shown(world):
    job, agent = blocked(world)
    error = {"code": "quota_reached", "message": "the quota is reached", "advice": "raise it", "retryable": True}
    agent.state(status="waiting", stage="unpack", error=error)
    world.work_later(65, stride=5)
    assert (world.job(job).state, world.job(job).error) == ("restoring", {**error, "advice": advice("quota_reached")})
    assert len(world.mail.alarms) == 1


def test_an_agent_that_gave_up_unheard_is_acknowledged_so_that_its_cron_line_goes(world):
    job, agent = blocked(world)
    gives_up(world, agent)
    assert (world.job(job).state, world.job(job).error) == ("failed", {**ERROR, "advice": advice(ERROR["code"])})
    assert (agent.answer()["seq"], agent.answer()["status"]) == (19, 202)


def test_a_retry_behind_a_blocked_network_is_followed_from_its_first_minute(world):
    job, agent = blocked(world)
    gives_up(world, agent)
    world.service.jobs.retry(job.id)
    world.work()
    again = deaf(world, job)
    assert again.attempt == 2
    # The state still tells of the former attempt
    world.work_later(90, stride=5)
    assert world.job(job).state == "dropped"
    again.finished()
    world.work_later(65, stride=5)
    assert world.job(job).state == "finishing"
    assert again.answer()["attempt"] == 2
    again.leave()
    world.serve(job)
    world.work_later(30, stride=5)
    assert world.job(job).state == "live"


def test_cron_that_never_fires_is_still_reported_for_a_job_known_as_blocked(world):
    job, agent = blocked(world)
    gives_up(world, agent)
    world.service.jobs.retry(job.id)
    world.work()
    world.panel.remove_cron(agent.account, f"shoplaunch:{job.id}")
    world.work_later(200, stride=10)
    assert world.job(job).state == "dropped"
    world.work_later(120, stride=10)
    assert world.job(job).error["code"] == "cron_never_fired"


def test_an_unheard_agent_that_dies_has_its_patience_before_it_counts_as_silent(world):
    job, _agent = blocked(world)
    world.work_later(300, stride=10)
    assert world.job(job).state == "restoring"
    world.work_later(120, stride=10)
    assert (world.job(job).state, world.job(job).error["code"]) == ("stalled", "agent_silent")


def test_a_panel_that_fails_for_a_moment_does_not_shorten_the_patience(world):
    job, agent = blocked(world)
    world.panel.fail("read_file", "panel_unreachable")
    world.work_later(200, stride=10)
    assert world.job(job).state == "restoring"
    agent.state(stage="import", percent=70)
    world.work_later(65, stride=5)
    assert (world.job(job).state, world.job(job).percent) == ("restoring", 70)


def test_an_unheard_agent_learns_of_a_cancellation_through_the_panel(world):
    job, agent = blocked(world)
    world.service.jobs.cancel(job.id)
    world.work()
    assert (agent.answer()["status"], agent.answer()["attempt"]) == (410, 1)
    with pytest.raises(ShoplaunchError):
        agent.send("heartbeat")
    agent.leave()
    world.work_later(65, stride=5)
    found = world.job(job)
    assert (found.state, found.facts["undo"]) == ("cancelled", "done")


def test_looking_whether_it_has_left_does_not_put_it_there_again(world):
    job, agent = blocked(world)
    world.service.jobs.cancel(job.id)
    world.work()
    (agent.folder / "job").unlink()
    world.work_later(180, stride=10)
    assert not (agent.folder / "job").exists()
    world.work_later(120, stride=10)
    assert (agent.folder / "job").exists()


def test_a_cancellation_taken_back_is_followed_with_a_new_attempt(world):
    job, agent = blocked(world)
    world.service.jobs.cancel(job.id)
    world.work()
    agent.leave()
    world.service.jobs.undo_cancel(job.id)
    world.work()
    again = deaf(world, job)
    again.finished()
    world.work_later(130, stride=10)
    assert world.job(job).state == "finishing"
    assert (again.answer()["attempt"], again.answer()["status"]) == (2, 202)


@pytest.mark.sampled(of=3, rests=True)
def test_a_blocked_job_whose_time_is_over_has_expired(world):
    job, agent = blocked(world)
    for _ in range(world.config.job_hours * 20 + 2):
        world.clock.pass_by(180)
        if world.job(job).state == "restoring":
            agent.state(stage="import", percent=50)
        world.work()
    assert (world.job(job).state, world.job(job).error["code"]) == ("stalled", "job_expired")
    world.service.jobs.retry(job.id)
    world.work()
    again = deaf(world, job)
    again.finished()
    world.work_later(130, stride=10)
    assert world.job(job).state == "finishing"


def test_the_next_shop_on_a_server_that_lets_nothing_out_is_followed_from_its_first_minute(world):
    job, agent = blocked(world)
    agent.finished()
    world.work_later(65, stride=5)
    agent.leave()
    world.serve(job)
    world.work_later(30, stride=5)
    second, _ = world.dropped(domain="second.example.com", account="bob")
    agent = deaf(world, second)
    agent.finished()
    world.work_later(65, stride=5)
    assert world.job(second).state == "finishing"
    agent.leave()
    world.serve(second)
    world.work_later(30, stride=5)
    assert world.job(second).state == "live"
    # Nobody is alarmed by what is known
    assert len(world.mail.alarms) == 1


def test_a_server_whose_network_is_open_again_is_no_longer_looked_at(world):
    test_the_next_shop_on_a_server_that_lets_nothing_out_is_followed_from_its_first_minute(world)
    third, agent = world.dropped(domain="third.example.com", account="carol")
    agent.restore()
    agent.clean()
    world.serve(third)
    world.work_later(30, stride=5)
    assert world.job(third).state == "live"
    world.dropped(domain="fourth.example.com", account="dave")
    reads = calls(world, "read_file")
    world.work_later(200, stride=10)
    assert calls(world, "read_file") == reads


def test_a_panel_that_does_not_answer_is_asked_less_and_less_often_until_it_does(world):
    job, agent = blocked(world)
    world.panel.fail("read_file", *["panel_unreachable"] * 6)
    reads = calls(world, "read_file")
    world.work_later(1000, stride=10)
    assert calls(world, "read_file") - reads <= 6
    assert world.job(job).state == "restoring"
    for percent in range(50, 90):
        agent.state(stage="import", percent=percent)
        world.work_later(60, stride=30)
    assert (world.job(job).state, world.job(job).percent >= 85) == ("restoring", True)


def test_a_cancellation_after_the_final_report_was_taken_lets_the_agent_leave_and_the_shop_stay(world):
    job, agent = blocked(world)
    agent.finished()
    world.work_later(65, stride=5)
    assert world.job(job).state == "finishing"
    world.service.jobs.cancel(job.id)
    world.work()
    assert (agent.answer()["status"], agent.answer()["seq"]) == (202, 19)
    agent.leave()
    world.work_later(65, stride=5)
    found = world.job(job)
    assert (found.facts["undo"], found.error["code"]) == ("done", "cancelled_late")
    assert "alice" in world.panel.accounts
