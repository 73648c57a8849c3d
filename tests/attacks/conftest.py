"""The controllers that attacks are made on: one inside the test, one that serves."""

import pytest

from controller.jobs.engine import worker
from tests.support.state.saved import KINDS, Places
from tests.support.state.state_database import on_sqlite
from tests.support.users.people import People, prepare
from tests.support.worlds.web_site import Site
from tests.support.worlds.world import World


@pytest.fixture
def world(tmp_path):
    """A whole controller on SQLite (tests.support.worlds.world.World)."""
    with on_sqlite(tmp_path) as engine:
        made = World(tmp_path, engine)
        yield made
        made.close()


@pytest.fixture
def running(world, monkeypatch):
    """The world's worker, at work; should its loop end, the test goes on."""
    monkeypatch.setattr(worker, "POLL_SECONDS", 0.01)
    world.worker = world.service.jobs.worker(lambda _why: None)
    world.worker.start()
    yield world.worker
    world.worker.stop()


@pytest.fixture(scope="module")
def site():
    """A controller behind gunicorn (tests.support.worlds.web_site.Site)."""
    with Site() as running:
        yield running.start()


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """The home of an installation with two operators, copied for each test (tests.support.users.people)."""
    return prepare(tmp_path_factory.mktemp("people") / "home", nora="administer", omid="operate")


@pytest.fixture
def people(prepared, tmp_path):
    """An installation whose operators are nora (administers) and omid (operates)."""
    made = People(prepared, tmp_path / "home")
    yield made
    made.close()


@pytest.fixture(scope="module")
def places(tmp_path_factory, request):
    """Places for installations (tests.support.state.saved.Places)."""
    return Places(tmp_path_factory.mktemp("saved"), request)


@pytest.fixture(scope="module", params=KINDS)
def installed(request, places):
    """An installation with rows in every table."""
    return places.installed(request.param)
