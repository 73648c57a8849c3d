"""An account that is suspended, renamed or removed while its job waits for the agent is reported as what it is."""

import pytest

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
