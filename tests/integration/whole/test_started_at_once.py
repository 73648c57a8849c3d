"""Orders on the `local` panel begin at once; a server that is set to cron waits for it."""

import pytest

from tests.support.worlds.whole import SERVER

pytestmark = pytest.mark.root


def start_of(whole, job):
    return whole.service.jobs.get(job["id"]).facts["start"]


@pytest.mark.sampled(of=3, rests=True)
def test_an_order_is_begun_at_once_and_becomes_a_living_shop(whole):
    job = whole.order()
    assert whole.live(job)["state"] == "live"
    found = start_of(whole, job)
    assert (found["way"], found["reason"]) == ("account", "")
    assert not whole.folder(job).exists() and job["id"] not in whole.crontab(job)
    (row,) = [one for one in whole.world.json("server", "list") if one["name"] == SERVER]
    assert (row["start"], row["last_start"]) == ("auto", "by account")


@pytest.mark.sampled(of=3, rests=True)
def test_a_server_that_is_set_to_cron_waits_for_it(whole):
    whole.world.run("server", "set", SERVER, "--start", "cron")
    try:
        job = whole.quiet_order()
        found = start_of(whole, job)
        assert (found["way"], found["reason"]) == ("", "switched_off")
        assert whole.run_agent(job) == 0
        assert whole.live(job)["state"] == "live"
    finally:
        whole.world.run("server", "set", SERVER, "--start", "auto")


@pytest.mark.sampled(of=3, rests=True)
def test_an_account_that_cron_starts_nothing_for_is_not_begun_otherwise(whole):
    job = whole.quiet_order()
    found = start_of(whole, job)
    assert (found["way"], found["reason"]) == ("", "account_closed")
    assert whole.run_agent(job) == 0
    assert whole.live(job)["state"] == "live"
