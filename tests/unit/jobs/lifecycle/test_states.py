"""The life of a job, walked through every pair of state and happening."""

import itertools

import pytest

from controller.jobs.lifecycle import states
from shared.errors import ShoplaunchError
from shared.schema import load_schema

#: happening -> states it may happen in: written down a second time, in the operator's words, on purpose.
MAY = {
    "ignore": {"received"},
    "prepare": {"received"},
    "drop": {"preparing"},
    "agent_works": {"preparing", "dropped", "restoring", "stalled"},
    "agent_finished": {"preparing", "dropped", "restoring", "stalled"},
    "agent_failed": {"preparing", "dropped", "restoring", "stalled"},
    "fail": {"received", "preparing", "finishing"},
    "stall": {"dropped", "restoring"},
    "prove": {"finishing"},
    "take_back": {"finishing"},
    "retry": {"failed", "stalled", "restoring"},
    "recheck": {"failed", "stalled", "live"},
    "cancel": {"received", "preparing", "dropped", "restoring", "finishing", "failed", "stalled"},
    "undo_cancel": {"cancelled"},
}


def reachable(start):
    """Return every state that can follow on `start`, itself included."""
    found, waiting = {start}, [start]
    while waiting:
        here = waiting.pop()
        new = {after for (before, _event), after in states.TRANSITIONS.items() if before == here} - found
        found |= new
        waiting += new
    return found


def test_every_pair_of_state_and_happening_is_either_in_the_table_or_illegal():
    assert set(MAY) == set(states.EVENTS)
    for state, event in itertools.product(states.STATES, states.EVENTS):
        assert states.may(state, event) == (state in MAY[event]), (state, event)
        if state in MAY[event]:
            assert states.after(state, event) in states.STATES
            continue
        with pytest.raises(ShoplaunchError) as caught:
            states.after(state, event)
        assert caught.value.code == "illegal_transition"
        assert state in caught.value.message


def test_the_table_names_nothing_else():
    for (state, event), after in states.TRANSITIONS.items():
        assert {state, after} <= set(states.STATES)
        assert event in states.EVENTS


def test_the_states_are_those_the_service_status_may_have():
    assert set(states.STATES) == set(load_schema("service")["properties"]["state"]["enum"])


def test_every_state_can_be_reached_from_an_order():
    assert reachable("received") == set(states.STATES)


def test_a_job_in_any_trouble_can_still_become_a_living_shop():
    for state in ("failed", "stalled", "cancelled"):
        assert "live" in reachable(state)


def test_nothing_leads_out_of_an_ignored_order():
    assert reachable("ignored") == {"ignored"}


def test_a_living_shop_is_never_taken_back_or_doubted():
    assert reachable("live") == {"live"}


def test_only_proof_makes_a_shop_live():
    assert {event for (_s, event), after in states.TRANSITIONS.items() if after == "live" and _s != "live"} == {"prove"}


def test_a_cancelled_job_hears_no_agent():
    for event in ("agent_works", "agent_finished", "agent_failed"):
        assert not states.may("cancelled", event)
