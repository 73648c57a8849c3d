"""Hints that a worker cannot follow itself: it hands them on to those that can."""

import secrets
import threading
from dataclasses import replace

import pytest

from controller.jobs.engine import registry
from controller.jobs.engine.broker import engine as broker_engine
from controller.jobs.engine.broker import link
from controller.jobs.engine.broker.publisher import BrokerHints
from controller.jobs.engine.engine_context import EngineContext
from controller.settings.sections import EngineConfig
from tests.integration.brokers.local_hints import LocalHints
from tests.support.waiting import wait_until

pytestmark = pytest.mark.root


@pytest.fixture
def started(world, redis_server, monkeypatch):
    """Return a function that starts a worker of the test's queue, and returns it once it hears; it begins with what it
    is hinted at alone."""
    monkeypatch.setattr(broker_engine, "SWEEP_SECONDS", 3600.0)
    broker = EngineConfig("celery", broker_url=redis_server.url(), queue="q" + secrets.token_hex(6))
    config, made = replace(world.config, engine=broker), []

    def start(is_left=lambda: False):
        tools_for = world.service.installation.tools_for
        context = EngineContext(config, world.engine, world.clock, tools_for, lambda _move: None, is_left=is_left)
        made.append(registry.of(config).engine(context))
        made[-1].start()
        wait_until(lambda: made[-1].listener.is_healthy and (is_left() or made[-1]._sweep_at > 0))
        return made[-1]

    start.config = config
    yield start
    for one in made:
        assert one.stop(60)


def test_a_worker_of_another_version_than_the_tables_leaves_hints_to_others(started):
    hints = BrokerHints(link.of(started.config.engine), LocalHints())
    left, own = started(lambda: True), started()
    names, came = [f"web{number}" for number in range(10)], []
    own.listener._received = came.append
    for name in names:
        hints.hint(name)
    wait_until(lambda: sorted(came) == names)
    assert left._hinted == set()
    assert (left.listener._has_room(), own.listener._has_room()) == (False, True)
    # What came while that was not known yet
    assert (left._take_foreign("web1", 0), own._take_foreign("web1", 0)) == (True, False)


def test_a_worker_that_stops_hints_the_others_at_what_it_gives_back(world, started):
    first = started()
    at_work, go_on = threading.Event(), threading.Event()

    def hold():
        world.panel.before.clear()
        at_work.set()
        assert go_on.wait(60)

    world.panel.before["ensure_database"] = hold
    job = world.order()
    first.hinted("web1")
    assert at_work.wait(60)
    second = started()
    stopping = threading.Thread(target=first.stop, args=(60,))
    stopping.start()
    wait_until(lambda: first._stopping.is_set())
    go_on.set()
    stopping.join(60)
    wait_until(lambda: world.job(job).state == "dropped")
    assert second.drain.tally.claims == 1
