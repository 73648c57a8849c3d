"""A server is silent while a call to it is under way for long, and it has answered no other one meanwhile."""

from contextlib import ExitStack

import pytest

from controller.panels.calls_under_way import HANGS_SECONDS, CallsUnderWay
from tests.support.clock import Clock


@pytest.fixture
def clock():
    return Clock(100.0)


def test_a_server_is_silent_from_then_on_until_its_call_ends(clock):
    calls = CallsUnderWay(clock)
    with calls.call("a"):
        clock.pass_by(4.9)
        assert calls.silent(5) == frozenset()
        clock.pass_by(0.1)
        assert calls.silent(5) == {"a"}
    assert calls.silent(5) == frozenset()


def test_a_server_that_answers_others_is_not_silent(clock):
    calls = CallsUnderWay(clock)
    with calls.call("a"):
        clock.pass_by(60)
        with calls.call("a"):
            pass
        assert calls.silent(5) == frozenset()
        clock.pass_by(5)
        assert calls.silent(5) == {"a"}


def test_a_call_that_fails_is_no_answer(clock):
    calls = CallsUnderWay(clock)
    with ExitStack() as under_way:
        under_way.enter_context(calls.call("a"))
        clock.pass_by(10)
        with pytest.raises(OSError), calls.call("a"):
            raise OSError
        assert calls.silent(5) == {"a"}


def test_of_accounts_that_hung_before_it_is_known_that_the_server_may_be_well(clock):
    calls = CallsUnderWay(clock)
    calls.hangs("a", "nora")
    with calls.call("a", "nora"), calls.call("a", "omid"):
        clock.pass_by(60)
        assert calls.accounts_hang(5) == calls.silent(5) == {"a"}
        with calls.call("a", "kian"):
            clock.pass_by(60)
            assert calls.accounts_hang(5) == frozenset()
            calls.hangs("a", "omid")
            assert calls.accounts_hang(5) == {"a"}
    # Both calls above were answered after all
    assert calls.hanging("a") == frozenset()


def test_an_account_that_hung_counts_as_such_for_a_while_on_its_server(clock):
    calls = CallsUnderWay(clock)
    calls.hangs("a", "nora")
    assert (calls.hanging("a"), calls.hanging("b")) == ({"nora"}, frozenset())
    clock.pass_by(HANGS_SECONDS)
    assert calls.hanging("a") == frozenset()


def test_accounts_and_servers_that_are_waited_for_are_counted(clock):
    calls = CallsUnderWay(clock)
    with calls.call("a", "nora"), calls.call("a", "nora"), calls.call("a", "omid"), calls.call("b"):
        assert calls.waiting(5) == {}
        clock.pass_by(5)
        with calls.call("c"):
            assert calls.waiting(5) == {"a": 2, "b": 1}


def test_of_one_account_that_hangs_it_is_known_that_the_server_may_be_well(clock):
    calls = CallsUnderWay(clock)
    with calls.call("a", "nora"), calls.call("a", "nora"):
        clock.pass_by(60)
        with calls.call("a", "omid"):
            assert (calls.silent(5), calls.accounts_hang(5)) == ({"a"}, {"a"})
            clock.pass_by(5)
            assert (calls.silent(5), calls.accounts_hang(5)) == ({"a"}, frozenset())
        with calls.call("a"):
            clock.pass_by(5)
            assert (calls.silent(5), calls.accounts_hang(5)) == ({"a"}, frozenset())
