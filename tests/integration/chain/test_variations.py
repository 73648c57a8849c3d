"""An order ends in a living shop whatever the habits and misfortunes of servers and of WHMCS are, all there once.

A third of the habits comes each day, in rotation, and all of them nightly.
"""

import dataclasses
from functools import partial

import pytest

from tests.fakes.whm.quirks import Quirks
from tests.fakes.whmcs.server import MOODS, SHAPES, Options
from tests.integration.chain.habits import ELSEWHERE, HABITS, HABITS_OF_CRON, HABITS_OF_WHMCS, MOODS_ELSEWHERE, ON
from tests.integration.chain.outcome import RECEIVED, assert_everything_is_there_once, build_together
from tests.support.waiting import wait_until

#: Longer than WHMCS may still be at what it gave no answer to.
SETTLED_SECONDS = 130


def asked_for(request):
    """Return the habits that a test of this run looks at: no shop is built for another."""
    ours = [item for item in request.session.items if item.module is request.module and hasattr(item, "callspec")]
    return {item.callspec.params["habit"] for item in ours if item.get_closest_marker("skip") is None}


@pytest.fixture(scope="module")
def built(request, chain, servers):
    """What became of the shop that was sold under each habit (outcome.Built), by the habit's name."""
    sales = {name: partial(chain.sell, servers["cp-bare"], options=how) for name, how in HABITS_OF_WHMCS.items()}
    for name, habits in HABITS.items():
        sales[name] = partial(chain.sell, servers[ON.get(name, "cp-bare")], habits=habits)
    sales = {name: sale for name, sale in sales.items() if name in asked_for(request)}
    return dict(zip(sales, build_together(chain, sales.values()), strict=True))


@pytest.mark.sampled(of=7)
@pytest.mark.parametrize("habit", [*HABITS, *HABITS_OF_WHMCS])
def test_a_shop_lives_and_its_client_is_notified_once_whatever_the_habit(chain, built, habit):
    status = built[habit].status_or_raise()
    assert_everything_is_there_once(chain, built[habit].sold, status)
    for left in chain.api.options_of.get(str(built[habit].sold.client), Options()).moods.values():
        assert left == [], "an answer that was to be lost was not asked for"


def test_the_client_is_notified_once_though_whmcs_went_away_in_the_middle(chain, servers):
    chain.api.moods = {"OpenTicket": ["last"]}
    try:
        sold = chain.sell(servers["cp-bare"])
        job = chain.job(sold)
        wait_until(lambda: chain.tickets(sold), lambda: chain.whole.trouble(job))
        chain.dropped(job)
    finally:
        chain.api.moods = {}
        chain.api.rest()
        chain.api.open()
    assert chain.mails(sold, RECEIVED) == []
    chain.whole.later(job, SETTLED_SECONDS)
    assert_everything_is_there_once(chain, sold, chain.live(sold, job))


def test_no_habit_of_a_cpanel_server_is_left_out():
    switched = {name for habits in (*HABITS.values(), *HABITS_OF_CRON.values()) for name in habits}
    assert switched | set(ELSEWHERE) == {field.name for field in dataclasses.fields(Quirks)}


@pytest.mark.sampled(of=3, rests=True)
def test_no_habit_of_whmcs_is_left_out():
    switched = {name for options in HABITS_OF_WHMCS.values() for name in options}
    # What a credential may not do is no habit: test_whmcs_words has each action
    assert switched | {"role"} == {field.name for field in dataclasses.fields(Options)}
    assert {options.get("shape", "normal") for options in HABITS_OF_WHMCS.values()} == set(SHAPES)
    moods = {
        mood for options in HABITS_OF_WHMCS.values() for moods in options.get("moods", {}).values() for mood in moods
    }
    assert moods - {""} | set(MOODS_ELSEWHERE) == set(MOODS)
