"""A cPanel server and controllers that work on it."""

import pytest

from tests.fakes.whm.fixtures import server as server
from tests.fakes.whm.fixtures import whm as whm
from tests.integration.cpanel_jobs.world import CpanelWorld


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
