"""What keeps a shop from being built: staff is notified, the client hears of a delay, and once fixed it lives."""

import subprocess

import pytest

from controller.jobs.shop.notifications import DELAY_SECONDS
from tests.fakes.whm.quirks import Quirks
from tests.integration.chain.conftest import doors
from tests.integration.chain.outcome import (
    DELAYED,
    RECEIVED,
    assert_language,
    assert_nothing_of_ours_stays,
    assert_notified_once,
    build,
)
from tests.integration.chain.test_variations import SETTLED_SECONDS
from tests.support.waiting import wait_until
from tests.support.worlds.chain import NOT_YET, Sold
from tests.support.worlds.whole import BUNDLE, WAIT_SECONDS

USUAL = Quirks()
#: A job that meets a locked server looks again so much later at the latest.
LOCKED_SECONDS = 60


@pytest.fixture(scope="module")
def server(servers):
    """A reseller's server whose accounts are created without the skeleton."""
    return servers["cp-bare"]


def failed(chain, sold, code):
    """Return the job of what was sold once it has failed with `code` and staff was notified."""
    job = chain.job(sold)
    status = chain.whole.wait(job, "failed", "live", "dropped")
    assert (status["state"], status["error"]["code"]) == ("failed", code), status["error"]
    wait_until(lambda: notes(chain, sold), lambda: chain.whole.trouble(job))
    return job


def notes(chain, sold):
    """Return the notes for staff in the client's tickets."""
    return [note["message"] for ticket in chain.tickets(sold) for note in ticket["notes"]]


def retried(chain, sold, job, delayed=0):
    """The operator tries again, and the shop lives; staff was notified once."""
    chain.whole.world.run("retry", job["id"])
    assert_mended(chain, sold, build(chain, sold), delayed)


def assert_mended(chain, sold, status, delayed=0):
    """The shop lives, the client was notified of all that befits, staff was notified once."""
    assert status["state"] == "live"
    assert_notified_once(chain, sold, delayed=delayed)
    assert_nothing_of_ours_stays(chain, sold)
    assert len(notes(chain, sold)) == 1


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize("answer", ["answered", "lost"])
def test_staff_alone_is_notified_at_once_and_the_client_later_that_it_takes_longer(chain, server, answer):
    package = server.whm.add_package(f"mail-{answer}", maxsql=0, owner=server.owner)
    chain.api.moods = {"AddTicketNote": ["cut"], "SendEmail": ["", "cut"]} if answer == "lost" else {}
    try:
        sold = chain.sell(server, language="farsi", plan=package.name)
        job = failed(chain, sold, "database_limit")
        (note,) = notes(chain, sold)
        assert "database_limit" in note and sold.domain in note
        wait_until(lambda: chain.mails(sold, RECEIVED), lambda: chain.whole.trouble(job))
        for seconds in (SETTLED_SECONDS, DELAY_SECONDS + 60, DELAY_SECONDS + 60 + SETTLED_SECONDS):
            chain.whole.later(job, seconds)
    finally:
        chain.api.moods = {}
    (delayed,) = chain.mails(sold, DELAYED)
    assert_language(sold, delayed["message"])
    (ticket,) = chain.tickets(sold)
    assert len(ticket["replies"]) == 1
    assert all("m=shoplaunch" in (door.redirect or "") for door in doors(chain, sold))
    package.maxsql = None
    retried(chain, sold, job, delayed=1)


@pytest.mark.sampled(of=3, rests=True)
def test_a_server_without_databases_is_named_as_that_and_the_shop_lives_once_it_has_them(chain, server):
    sold = chain.sell(server, habits={"mysql_role": False})
    job = failed(chain, sold, "panel_refused")
    sold.quirks.mysql_role = True
    retried(chain, sold, job)


@pytest.fixture
def refusing(chain, server):
    """The server refuses our token in one of its forms; at the end it is let in and checked again."""

    def refuse(form):
        server.whm.quirks.auth_forms, server.whm.quirks.refuse_token = (form,), True

    def accept():
        server.whm.quirks.auth_forms, server.whm.quirks.refuse_token = USUAL.auth_forms, False
        server.whm.unlock()
        chain.whole.world.run("server", "check", server.name, check=False)

    yield refuse, accept
    accept()


@pytest.mark.sampled(of=3)
@pytest.mark.parametrize("form", ["401", "403", "200"])
def test_a_server_that_refuses_the_token_is_left_alone_and_the_shop_lives_once_it_is_checked(
    chain, server, refusing, form
):
    refuse, accept = refusing
    refuse(form)
    sold = chain.sell(server)
    job = chain.job(sold)
    wait_until(lambda: notes(chain, sold), lambda: chain.whole.trouble(job))
    status = chain.whole.show(job)
    assert (status["state"], status["error"]["code"]) == ("preparing", "panel_auth_failed")
    assert not server.whm.door.locked
    accept()
    chain.whole.later(job, LOCKED_SECONDS)
    assert_mended(chain, sold, build(chain, sold))


@pytest.mark.sampled(of=2, rests=True)
def test_a_suspended_account_is_named_as_that_and_its_shop_lives_once_it_is_not(chain, server):
    sold = chain.order(server, habits={"suspended_calls": "fail"})
    chain.addon.module.create(sold.service)
    server.whm.suspend(sold.account)
    chain.addon.create(sold.service)
    chain.addon.accept(sold.order)
    job = failed(chain, sold, "account_suspended")
    server.whm.unsuspend(sold.account)
    subprocess.run(["usermod", "--expiredate", "1", sold.account], check=True)
    retried(chain, sold, job)


@pytest.mark.sampled(of=2, rests=True)
def test_an_account_made_by_command_satisfies_the_strictest_server(chain, servers):
    server = servers["cp-root"]
    account = server.whm.new_user()
    server.whm.give_habits(account, Quirks(createacct_strength=100, unique_initial=13))
    words = ["--server", server.name, "--account", account, "--create-account", "--domain", f"{account}.example.com"]
    job = chain.whole.world.json("order", *words, "--bundle", BUNDLE, "--email", f"{account}@example.com")
    sold = Sold(server, 0, 0, 0, account, f"{account}.example.com", f"{account}@example.com", "en", True, "", None)
    chain.whole.wait(job, "dropped", "restoring", "finishing", "live", "failed")
    # Cron may be faster: then there is nothing to do any more
    assert chain.start_agent(sold).wait(WAIT_SECONDS) in (0, NOT_YET, 6, 127)
    assert chain.whole.live(job)["state"] == "live"
    assert_nothing_of_ours_stays(chain, sold)
