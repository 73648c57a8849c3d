"""Looks that the state database refuses: the hints they were for are kept, and the next look begins with them."""

import functools

import pytest

from controller.jobs.lifecycle import due_hint
from shared.errors import ShoplaunchError
from tests.support.state.state_database import no_free_connection


@pytest.fixture
def hinted(world, monkeypatch):
    """A job of which this worker of several has a hint, and nobody else: the list of servers it begins with."""
    # Without a hint it leaves to others what has just become due
    monkeypatch.setattr(world.worker._local_workers._wakeup, "has_others", lambda: True)
    world.order()
    due_hint.taken()
    begun = []
    monkeypatch.setattr(world.worker, "_begin_drain", begun.append)
    due_hint.notify("web1")
    return begun


def test_a_hint_outlives_a_look_that_the_database_refuses(world, hinted):
    before = due_hint.given()
    with no_free_connection(world.engine):
        world.worker._begin()
        world.worker._begin()
    assert hinted == [] and due_hint.given() == before
    world.worker._begin()
    assert hinted == ["web1"]
    world.worker._begin()
    assert hinted == ["web1"]


def test_a_hint_outlives_a_drain_that_the_database_refuses(world, hinted):
    world.worker._begin()
    with no_free_connection(world.engine):
        drain = functools.partial(world.worker.drain, "web1")
        assert world.worker._drained("web1", drain, lambda: None) == 0
    world.worker._begin()
    assert hinted == ["web1"] * 2


def test_a_hint_outlives_a_moment_in_which_the_database_does_not_say_whose_its_server_is(world, hinted, monkeypatch):
    with monkeypatch.context() as refused:
        refused.setattr("controller.jobs.engine.capacity.servers_here.reading", _busy)
        world.worker._begin()
    assert hinted == []
    world.worker._begin()
    assert hinted == ["web1"]


def test_a_hint_outlives_a_round_for_which_the_machine_has_no_thread(world, hinted, monkeypatch):
    with monkeypatch.context() as crowded:
        crowded.setattr(world.worker, "_begin_drain", _no_thread)
        with pytest.raises(RuntimeError):
            world.worker._begin()
    world.worker._begin()
    assert hinted == ["web1"]


def _busy(_engine):
    raise ShoplaunchError("database_busy", "it does not answer")


def _no_thread(_server):
    raise RuntimeError("can't start new thread")
