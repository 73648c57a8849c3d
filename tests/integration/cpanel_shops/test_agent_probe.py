"""What became of an agent nobody hears is read through the panel: each cause has its name, a blocked shop lives."""

import pytest

pytestmark = pytest.mark.root


def unheard(world, job, seconds=420):
    """Let the time pass after which an agent that was never heard is looked for."""
    world.work_later(seconds, stride=20)
    return world.job(job)


def named(world, job, state, code):
    found = world.job(job)
    assert (found.state, (found.error or {}).get("code")) == (state, code), world.trouble(found)
    assert [alarm.code for alarm in world.mail.alarms] == [code]


@pytest.mark.sampled(of=3, rests=True)
def test_a_shop_lives_although_its_account_reaches_nobody(world, whm):
    world.network = False
    job = world.sold()
    assert world.run_agent(job) == 1
    # The shop is open before anybody could be notified
    assert world.visit(job).status_code == 200
    unheard(world, job)
    assert (world.agent_folder(job) / "ack").exists(), world.trouble(job)
    world.until(job)
    assert world.job(job).state == "live", world.trouble(job)
    assert not world.agent_folder(job).exists()
    assert world.open_panel().cron_lines(world.account(job)) == []
    assert world.service.jobs.certificate(job.id)["evidence"]["tables"]
    assert len(world.mail.handed_over) == 1


@pytest.mark.sampled(of=2, rests=True)
def test_a_cancellation_reaches_an_account_that_is_cut_off(world, whm):
    world.network = False
    job = world.sold()
    assert world.run_agent(job) == 1
    world.service.jobs.cancel(job.id)
    world.work_later(60, stride=20)
    assert world.run_agent(job) == 5, world.trouble(job)
    assert not world.agent_folder(job).exists()
    assert world.visit(job).status_code != 503


@pytest.mark.sampled(of=2, rests=True)
def test_an_account_without_python_says_so(world, whm):
    world.python = False
    job = world.sold()
    world.run_agent(job)
    unheard(world, job)
    named(world, job, "failed", "python_missing")
    world.python = True
    world.service.jobs.retry(job.id)
    world.until(job)
    assert world.job(job).state == "live", world.trouble(job)


@pytest.mark.sampled(of=2, rests=True)
def test_cron_that_never_fires_is_reported(world, whm):
    job = world.sold()
    unheard(world, job)
    named(world, job, "stalled", "cron_never_fired")
    world.service.jobs.retry(job.id)
    world.until(job)
    assert world.job(job).state == "live", world.trouble(job)


def test_an_agent_that_died_is_distinguished_from_cron_that_never_fired(world, whm):
    job = world.sold()
    world.heard(job, "started")
    world.work_later(420, stride=20)
    named(world, job, "stalled", "agent_silent")
