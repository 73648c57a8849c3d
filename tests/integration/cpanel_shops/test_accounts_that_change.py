"""An account that is suspended, renamed or removed while its job waits or is taken back is reported as what it is."""

import pytest

from tests.attacks.table import attack

pytestmark = pytest.mark.root


def silent(world, job):
    """Let as much time pass as an agent has to be heard, and no more than is needed to see that it is not."""
    world.work_later(340, stride=20)
    return world.job(job)


def reported_message(world, found, code):
    assert (found.state, (found.error or {}).get("code")) == ("stalled", code), world.trouble(found)
    assert [alarm.code for alarm in world.mail.alarms] == [code]
    return found.error["message"]


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize("calls", ["work", "fail"])
def test_a_suspended_account_is_named_whatever_its_panel_still_answers(world, whm, calls):
    job = world.sold()
    whm.quirks.suspended_calls = calls
    whm.suspend(job.account, "bill 77 unpaid")
    assert "bill 77 unpaid" in reported_message(world, silent(world, job), "account_suspended")
    whm.unsuspend(job.account)
    world.keep_from_cron(job.account)
    world.service.jobs.retry(job.id)
    world.until(job)
    assert world.job(job).state == "live", world.trouble(job)


@pytest.mark.parametrize("calls", ["work", "fail"])
def test_an_account_suspended_while_its_agent_works_is_named(world, whm, calls):
    job = world.sold()
    world.heard(job, "started")
    whm.quirks.suspended_calls = calls
    whm.suspend(job.account)
    world.work_later(420, stride=20)
    reported_message(world, world.job(job), "account_suspended")


def test_a_renamed_account_is_reported_with_its_new_name(world, whm):
    job = world.sold()
    new = whm.new_user()
    whm.rename(job.account, new)
    assert new in reported_message(world, silent(world, job), "account_renamed")


def test_a_removed_account_is_missing(world, whm):
    job = world.sold()
    whm.remove(job.account)
    reported_message(world, world.job(silent(world, job)), "account_missing")


def over(world, job):
    """The job is taken back and keeps neither domain nor account; return what the operator reads that stays."""
    found = world.job(job)
    assert (found.state, found.facts["undo"], found.domain_key) == ("cancelled", "done", None), world.trouble(job)
    assert (found.error["code"], found.wake_at) == ("cancelled_kept", None)
    return found.error["message"]


@attack(
    "an account is renamed, and its job, which waits there or is at work, is cancelled",
    "the job is over at once, the operator reads the account's new name, and domain and account take the next order",
)
@pytest.mark.parametrize("was_heard", [False, True])
def test_a_cancelled_job_of_a_renamed_account_blocks_nothing(world, whm, was_heard):
    job = world.sold()
    if was_heard:
        world.heard(job, "started")
    new = whm.new_user()
    whm.rename(job.account, new)
    world.service.jobs.cancel(job.id)
    world.work()
    assert new in over(world, job)
    world.sold(whm.account(new))


@attack(
    "a job is cancelled whose account's cron never starts anything",
    "an hour later it is over: agent and cron line are gone, and domain and account take the next order",
)
def test_a_cancelled_job_whose_cron_never_fires_blocks_nothing(world, whm):
    job = world.sold()
    world.service.jobs.cancel(job.id)
    world.work_later(5000, stride=1000)
    assert "cron never started the agent" in over(world, job)
    assert job.id not in whm.engine.crontab(job.account) and not world.agent_folder(job).exists()
    world.sold(whm.account(job.account))
