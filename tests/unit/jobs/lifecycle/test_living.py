"""Whose shop a place holds is decided by what came there last."""

from dataclasses import replace

import pytest

from controller.jobs.lifecycle import living
from controller.jobs.lifecycle.living import Shop

OLD = Shop("old", "web1", "alice", "a.example", "", 100.0, 150.0, came=True, lives=True)
NEW = replace(OLD, job="new", ordered_at=200.0, came_at=250.0)
ELSEWHERE = {
    "on another server": {"server": "web2"},
    "in another account, at another address": {"account": "bob", "domain": "b.example"},
    "in another account, in another folder": {"account": "bob", "folder": "shop"},
}
SAME_PLACE = {
    "in the same account": {"domain": "b.example"},
    "in another folder of the account, which has one database": {"folder": "shop"},
    "at the same address, in another account": {"account": "bob"},
}


@pytest.mark.parametrize("where", SAME_PLACE.values(), ids=SAME_PLACE)
def test_a_later_shop_in_the_same_place_is_its_successor(where):
    new = replace(NEW, **where)
    assert living.successor(OLD, [OLD, new]) == new
    assert living.successor(new, [OLD, new]) is None
    assert living.neighbour(OLD, [OLD, new]) == new
    assert living.neighbour(new, [OLD, new]) == OLD


@pytest.mark.parametrize("where", ELSEWHERE.values(), ids=ELSEWHERE)
def test_a_shop_elsewhere_is_none(where):
    new = replace(NEW, **where)
    assert living.successor(OLD, [new]) is None
    assert living.neighbour(OLD, [new]) is None


def test_a_shop_is_not_its_own_successor():
    assert living.successor(OLD, [replace(OLD, came_at=900.0)]) is None
    assert living.neighbour(OLD, [OLD]) is None


def test_an_order_that_never_became_a_shop_succeeds_nobody():
    assert living.successor(OLD, [replace(NEW, came=False, lives=False)]) is None


def test_a_successor_that_ended_was_one_all_the_same():
    ended = replace(NEW, lives=False)
    assert living.successor(OLD, [ended]) == ended
    assert living.neighbour(OLD, [ended]) is None


def test_of_two_that_came_at_the_same_instant_none_is_believed():
    same = replace(NEW, came_at=OLD.came_at)
    assert living.successor(OLD, [same]) and living.successor(same, [OLD])


def test_the_last_of_several_neighbours_is_named():
    third = replace(NEW, job="third", came_at=400.0)
    assert living.neighbour(OLD, [third, NEW]) == third


def test_a_shop_is_later_when_it_was_not_yet_there_at_the_order():
    assert living.is_later(NEW, OLD)
    assert not living.is_later(OLD, NEW)
