"""A cPanel server and controllers that work on it."""

import pytest

from tests.fakes.whm import Quirks, WhmDouble
from tests.integration.cpanel_jobs.world import CpanelWorld


@pytest.fixture(scope="package")
def server():
    """One cPanel server for all tests (tests.fakes.whm.double.WhmDouble)."""
    with WhmDouble() as double:
        yield double


@pytest.fixture
def whm(server):
    """The server with its usual habits and no recorded calls; the test fails when the protocol was violated."""
    server.quirks = Quirks()
    server.calls.clear()
    server.unlock()
    yield server
    server.quirks = Quirks()
    server.check()


@pytest.fixture
def world_of(whm, tmp_path):
    """Return a function that makes a controller that works on the server (tests.integration.cpanel_jobs.world)."""
    made = []

    def make(**settings):
        folder = tmp_path / str(len(made))
        folder.mkdir()
        made.append(CpanelWorld(folder, whm, **settings))
        return made[-1]

    yield make
    for world in made:
        world.close()
