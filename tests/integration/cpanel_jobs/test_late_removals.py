"""A removal whose answer was lost may be carried out minutes later: nothing that was made since goes with it."""

import pytest

from controller.panels.base import LATE_SECONDS, RemovalUnanswered
from controller.panels.cpanel.account.cron import CRON_MARK
from shared.errors import ShoplaunchError
from tests.attacks.table import attack
from tests.integration.cpanel_jobs.world import prepared

pytestmark = pytest.mark.root
#: When the server does what it was asked before: it was busy.
BUSY_MINUTES = 5
OTHER = "other@example.com"
OWN_LINE = "7 7 * * * own"


@pytest.fixture
def world(world_of):
    return world_of()


def given_up(world, hosting, job):
    """The job is cancelled when nothing of its agent is left."""
    assert world.job(job).state == "dropped", world.status(job)
    panel = world.server_panel()
    account = panel.find_account(hosting.user)
    panel.remove_cron(account, f"shoplaunch:{job.id}")
    panel.remove_agent(account)
    world.service.jobs.cancel(job.id)
    world.work()


def minute_by_minute(world, again):
    """The server catches up after BUSY_MINUTES, or when something was made there; return what `again` returned, tried
    each minute until nothing has to be waited for."""
    caught = 0
    for minute in range(1, 40):
        world.work_later(60, stride=20)
        if minute == BUSY_MINUTES:
            caught += world.whm.catch_up()
        try:
            found = again()
        except ShoplaunchError as error:
            assert (error.code, error.retryable) == ("service_ending", True), error
            continue
        world.work()
        assert caught + world.whm.catch_up() == 1
        return found
    raise AssertionError("nothing is ordered there any more")


@pytest.mark.parametrize("function", ["Mysql::delete_database", "Mysql::delete_user"])
def test_the_next_shop_keeps_its_database_and_user(whm, world, function):
    hosting = world.hosting()
    job = world.sell(hosting)
    world.work()
    whm.quirks.carry_out_late(function)
    given_up(world, hosting, job)
    again = minute_by_minute(world, lambda: world.sell(hosting, email=OTHER))
    prepared(world, hosting, again)
    assert (len(hosting.databases), len(hosting.database_users), len(hosting.grants)) == (1, 1, 1)


@pytest.mark.parametrize(
    ("function", "remove"),
    [
        ("removeacct", lambda panel, account: panel.remove_account(account)),
        ("Fileman::fileop", lambda panel, account: panel.remove_agent(account)),
    ],
)
def test_an_account_and_an_agents_folder_are_known_to_go_late(whm, world, function, remove):
    hosting = world.hosting()
    panel = world.server_panel()
    account = panel.find_account(hosting.user)
    panel.put_file(account, ".shoplaunch/job", b"{}", 0o600)
    whm.quirks.carry_out_late(function)
    with pytest.raises(RemovalUnanswered) as unanswered:
        remove(panel, account)
    assert unanswered.value.code == "panel_unreachable"
    assert whm.catch_up() == 1
    # Once it is gone, another try says so
    remove(world.server_panel(), account)


def test_an_accounts_own_line_keeps_its_number_from_a_removal_that_comes_late(whm, world):
    whm.quirks.cron_remove_by = "line"
    hosting = world.hosting()
    job = world.sell(hosting)
    world.work()
    crontab = whm.engine.crontab(hosting.user)
    whm.engine.write_crontab(hosting.user, f"{crontab}{OWN_LINE}\n")
    panel = world.server_panel()
    panel.remove_agent(panel.find_account(hosting.user))
    # By its key first, which this server does not know
    whm.quirks.carry_out_late("Cron::remove_line", 2)
    world.service.jobs.cancel(job.id)
    world.work_later(3700, stride=600)
    assert whm.catch_up() == 1 and OWN_LINE in whm.engine.crontab(hosting.user)
    world.work_later(3700, stride=600)
    assert (world.job(job).domain_key, whm.engine.crontab(hosting.user)) == (None, f'MAILTO=""\n{OWN_LINE}\n')


LINES = {
    "one": [OWN_LINE],
    "two": [OWN_LINE, "5 4 * * 1 /usr/bin/true another"],
    "long": [f"5 4 * * 1 true {'x' * 900}", OWN_LINE],
}


@pytest.mark.parametrize("own", LINES.values(), ids=LINES)
def test_an_accounts_own_line_outlives_a_removal_by_number_that_is_delivered_twice(whm, world, own):
    whm.quirks.cron_remove_by = "line"
    hosting = world.hosting()
    job = world.sell(hosting)
    world.work()
    crontab = whm.engine.crontab(hosting.user)
    whm.engine.write_crontab(hosting.user, "\n".join([crontab.rstrip("\n"), *own, ""]))
    whm.quirks.change_twice = True
    world.service.jobs.cancel(job.id)
    # It may be delivered later as well, and is waited for
    world.work_later(3700 + LATE_SECONDS, stride=600)
    assert (world.job(job).domain_key, CRON_MARK in whm.engine.crontab(hosting.user)) == (None, False)
    left = [line for line in whm.engine.crontab(hosting.user).splitlines() if not line.startswith("MAILTO")]
    assert sorted(left) == sorted(own)


@attack(
    "a proxy delivers a cron line's removal by number a second time, minutes after it was answered",
    "the account's own line that has the number by then is put back",
)
def test_an_accounts_own_line_outlives_a_removal_by_number_that_is_delivered_again_minutes_later(whm, world):
    whm.quirks.cron_remove_by = "line"
    hosting = world.hosting()
    job = world.sell(hosting)
    world.work()
    crontab = whm.engine.crontab(hosting.user)
    whm.engine.write_crontab(hosting.user, f"{crontab}{OWN_LINE}\n")
    # By its key first, which this server does not know
    whm.quirks.repeat_late("Cron::remove_line", 2)
    world.service.jobs.cancel(job.id)
    world.work_later(3700, stride=600)
    assert CRON_MARK not in whm.engine.crontab(hosting.user)
    assert world.job(job).domain_key is not None, "nothing else comes there before it is over"
    assert OWN_LINE not in world.job(job).facts.values(), "it is its owner's"
    assert whm.catch_up() == 1 and OWN_LINE not in whm.engine.crontab(hosting.user)
    world.work_later(3700, stride=600)
    assert (world.job(job).domain_key, whm.engine.crontab(hosting.user)) == (None, f'MAILTO=""\n{OWN_LINE}\n')
