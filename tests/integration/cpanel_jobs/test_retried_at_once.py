"""An operator acts while the worker still holds the failed job: what the failed attempt had read counts no more."""

import pytest

from controller.db.facts import of as facts_of

pytestmark = pytest.mark.root


@pytest.fixture
def world(world_of):
    return world_of(reseller=True)


@pytest.fixture
def once_failed(world, monkeypatch):
    """Return a function that lets `act` run once, while the worker that holds the failed job notifies the operator."""

    def let(act):
        reported, notify = [], world.mail.alarm

        def alarm(news):
            notify(news)
            if not reported:
                reported.append(news)
                act()

        monkeypatch.setattr(world.mail, "alarm", alarm)

    return let


def suspended(whm, world):
    """Return (account, job) of an order for an account that is suspended."""
    hosting = world.hosting()
    whm.quirks.suspended_calls = "fail"
    whm.suspend(hosting.user)
    return hosting, world.sell(hosting)


def let_in(whm, world, hosting):
    """The account is let in again; cron still starts nothing for it."""
    whm.unsuspend(hosting.user)
    world.quiet(hosting)


def test_a_suspended_account_that_was_let_in_again_is_read_anew(whm, world, once_failed):
    hosting, job = suspended(whm, world)

    def mend():
        let_in(whm, world, hosting)
        world.service.jobs.retry(job.id)

    once_failed(mend)
    world.work()
    assert (world.job(job).state, world.job(job).attempt) == ("dropped", 2), world.status(job)


def test_settings_of_the_server_that_were_changed_count(whm, world, once_failed):
    hosting, job = suspended(whm, world)

    def mend():
        let_in(whm, world, hosting)
        world.set(cron_minutes=7)
        world.service.jobs.retry(job.id)

    once_failed(mend)
    world.work()
    assert world.job(job).state == "dropped", world.status(job)
    assert facts_of(world.job(job)).cron_seconds == 7 * 60
