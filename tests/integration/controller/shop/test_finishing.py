"""After an agent's final event: the visits go on while it cleans up, and nothing is ready before it is gone."""

import pytest

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def visited(world):
    """Return how many visits the shop had."""
    return len(world.site.requests)


def finished(world):
    """Return a job whose agent has finished and is about to clean up, and the agent."""
    job, agent = world.dropped()
    world.serve(job)
    agent.restore()
    return job, agent


def test_the_shop_is_visited_while_the_agent_still_cleans_up(world):
    job, agent = finished(world)
    world.work()
    assert visited(world) >= 3
    assert world.job(job).state == "finishing"
    assert world.steps(job)["check"].state == "waiting"
    agent.clean()
    world.work()
    assert world.job(job).state == "live"


def rounds(world):
    """Return how many rounds of visits there were."""
    return [path for path, *_more in world.site.requests].count("/there-is-no-such-page")


def test_however_long_an_agent_cleans_up_the_shop_is_visited_once_meanwhile_and_once_afterwards(world):
    job, agent = finished(world)
    world.work_later(100, stride=5)
    assert rounds(world) == 1
    agent.clean()
    world.work()
    assert (world.job(job).state, rounds(world)) == ("live", 2)


def test_no_shop_is_ready_before_its_agent_is_gone(world):
    job, _agent = finished(world)
    world.work_later(60, stride=5)
    assert world.job(job).state == "finishing"
    assert world.mail.handed_over == []
    assert world.status(job)["error"] is None


def test_an_agent_that_is_gone_already_costs_one_round_of_visits(world):
    job, agent = finished(world)
    agent.clean()
    world.work()
    assert world.job(job).state == "live"
    assert rounds(world) == 1


def test_whether_the_agent_is_gone_takes_one_look_at_its_folder_and_one_at_the_crontab(world):
    job, agent = finished(world)
    agent.clean()
    world.panel.calls.clear()
    world.work()
    assert world.job(job).state == "live"
    assert [call[0] for call in world.panel.calls][-3:] == ["ensure_php", "list_folder", "cron_lines"]


def test_a_visit_that_fails_while_the_agent_cleans_up_is_made_again(world):
    job, agent = world.dropped()
    agent.restore()
    world.work()
    assert (world.job(job).state, world.steps(job)["check"].failures) == ("finishing", 0)
    world.serve(job)
    agent.clean()
    world.work()
    assert world.job(job).state == "live"


def test_a_visit_that_fails_once_the_agent_is_gone_counts(world):
    job, agent = world.dropped()
    agent.restore()
    agent.clean()
    world.work()
    assert world.steps(job)["check"].failures == 1


def test_a_certificate_is_requested_in_parallel_with_the_visits(world):
    job, _agent = finished(world)
    world.work()
    rows = world.steps(job)
    assert rows["tls"].state in ("done", "skipped")
    assert rows["check"].state == "waiting"
    assert world.job(job).state == "finishing"


def test_a_shop_that_fails_its_visits_is_not_live_though_its_certificate_was_asked_for(world):
    job, agent = world.dropped()
    agent.restore()
    agent.clean()
    world.work_later(200, stride=5)
    found = world.job(job)
    assert (found.state, found.step, found.error["code"]) == ("failed", "check", "check_failed")
    world.serve(job)
    world.service.jobs.retry(job.id)
    world.work()
    assert world.job(job).state == "live"
