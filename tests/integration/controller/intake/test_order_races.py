"""The same order twice is one job; two orders at once for a domain or an account are one job and one refusal."""

import threading

import pytest

from shared.errors import ShoplaunchError


def at_once(*calls):
    """Run the calls at the same time; return for each its result or its error's code."""
    start = threading.Barrier(len(calls))
    results = [None] * len(calls)

    def run(number, call):
        start.wait(120)
        try:
            results[number] = call()
        except ShoplaunchError as error:
            results[number] = error.code

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    return results


def test_the_same_order_again_is_the_same_job(world):
    first = world.order()
    assert world.order().id == first.id
    assert world.order(domain="SHOP.Example.com.", event="ordered").id == first.id
    world.work()
    assert world.order().id == first.id


def test_the_same_order_many_times_at_once_is_one_job(world):
    results = at_once(*[world.order] * 6)
    assert len({job.id for job in results}) == 1
    assert world.service.jobs.counts() == {"received": 1}


def test_of_two_orders_at_once_for_a_domain_one_is_refused(world):
    results = at_once(lambda: world.order(account="alice"), lambda: world.order(account="bob"))
    assert sorted(result == "domain_busy" for result in results) == [False, True]
    assert world.service.jobs.counts() == {"received": 1}


def test_of_two_orders_at_once_for_an_account_one_is_refused(world):
    results = at_once(lambda: world.order(domain="a.example.com"), lambda: world.order(domain="b.example.com"))
    assert sorted(result == "domain_busy" for result in results) == [False, True]


def test_another_order_for_a_busy_domain_is_refused_until_the_shop_lives(world):
    job, agent = world.dropped()
    with pytest.raises(ShoplaunchError) as caught:
        world.order(email="other@example.com")
    assert caught.value.code == "domain_busy"
    agent.restore()
    agent.clean()
    world.serve(job)
    world.work()
    assert world.order(email="other@example.com", options={"occupied": "move"}).id != job.id


def test_a_failed_job_keeps_its_domain(world):
    world.panel.fail("ensure_php", "panel_refused")
    world.order()
    world.work()
    with pytest.raises(ShoplaunchError) as caught:
        world.order(email="other@example.com")
    assert caught.value.code == "domain_busy"


@pytest.mark.parametrize(
    ("change", "code"),
    [({"server": "nowhere"}, "server_unknown"), ({"bundle": "nothing"}, "bundle_unknown"),
     ({"domain": "not a domain"}, "domain_invalid"), ({"email": "nobody"}, "email_invalid"),
     ({"account": "Root!"}, "account_invalid"), ({"options": {"occupied": "delete"}}, "order_invalid"),
     ({"surprise": 1}, "order_invalid")],
)  # fmt: skip
def test_a_wrong_order_makes_no_job(world, change, code):
    with pytest.raises(ShoplaunchError) as caught:
        world.order(**change)
    assert caught.value.code == code
    assert world.service.jobs.counts() == {}
