"""Orders that come twice or at once, signed and by command line: one job for one shop."""

import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.waiting import wait_until
from tests.support.worlds.whole import BUNDLE, SERVER

ORDERS = "/api/v1/orders"


def an_order(whole, **more):
    """Return an order for an account of its own, made by hand so that nothing is created for refused ones."""
    account = whole.handmade_account()
    order = {"server": SERVER, "bundle": BUNDLE, "domain": f"{account}.localhost", "account": account}
    return order | {"email": "owner@example.com", **more}


def at_once(whole, *orders):
    """Send the orders at the same time; return the answers."""
    whole.signed("GET", "/api/v1/services/none")
    with ThreadPoolExecutor(len(orders)) as pool:
        return list(pool.map(lambda order: whole.signed("POST", ORDERS, order), orders))


def reads_bundle(whole, account):
    """Return whether the account, which knows its name, can copy the bundle."""
    path = whole.world.home / "bundles" / f"{BUNDLE}.bundle"
    done = subprocess.run(["head", "-c", "1", path], user=account, group=account, extra_groups=[], capture_output=True)
    return bool(done.stdout)


@pytest.mark.sampled(of=2, rests=True)
def test_the_same_order_twice_and_at_once_is_one_job_that_becomes_one_shop(whole):
    order = an_order(whole)
    answers = at_once(whole, order, order, order)
    assert [answer.status_code for answer in answers] == [202, 202, 202], [answer.text for answer in answers]
    assert len({answer.json()["id"] for answer in answers}) == 1
    job = answers[0].json()
    # An operator's order for somebody else is another one
    other = order | {"email": "another@example.com"}
    arguments = [
        part for name in ("server", "bundle", "domain", "account", "email") for part in (f"--{name}", other[name])
    ]
    with pytest.raises(RuntimeError, match="domain_busy"):
        whole.world.json("order", *arguments)
    whole.wait(job, "dropped", "failed")
    stranger = whole.handmade_account()
    assert (reads_bundle(whole, order["account"]), reads_bundle(whole, stranger)) == (True, False)
    assert whole.run_agent(job) == 0
    assert whole.live(job)["attempt"] == 1
    assert len(whole.mails(job)) == 1
    wait_until(lambda: not reads_bundle(whole, order["account"]), "the bundle stays open")


@pytest.mark.sampled(of=2, rests=True)
def test_of_two_different_orders_for_one_domain_at_once_one_becomes_a_job(whole):
    order = an_order(whole)
    answers = at_once(whole, order, order | {"email": "another@example.com"})
    assert sorted(answer.status_code for answer in answers) == [202, 409], [answer.text for answer in answers]
    taken, refused = sorted(answers, key=lambda answer: answer.status_code)
    assert refused.json()["code"] == "domain_busy"
    assert refused.json()["advice"]
    job = taken.json()
    whole.wait(job, "dropped", "failed")
    assert [one.id for one in whole.service.jobs.listed() if one.domain == order["domain"]] == [job["id"]]
    whole.world.run("cancel", job["id"], "--yes")
