"""The operator of the demo's controller: the password is shown whatever happened to an earlier start."""

import sys
import tempfile
from pathlib import Path

import pytest

from controller.jobs.intake.service import open_service
from controller.settings.loading import load_config

PROJECT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(PROJECT / "packaging" / "demo"))

pytestmark = pytest.mark.root


@pytest.fixture
def world():
    """A world of which nothing runs (packaging.demo.world.World)."""
    from world import World

    with tempfile.TemporaryDirectory(prefix="sl") as made:
        yield World(Path(made) / "world")


@pytest.mark.sampled(of=3, rests=True)
def test_a_start_that_was_interrupted_after_init_still_ends_with_a_password_that_opens(world):
    world.directory.mkdir(parents=True)
    first = world._initialise()
    (world.directory / "operator.json").unlink()
    login = world._initialise()
    assert login["user"] == first["user"]
    assert login["password"] and login["password"] != first["password"]
    service = open_service(load_config(world.environment()))
    assert service.access.check_login(login["user"], login["password"], "127.0.0.1")
    service.installation.engine.dispose()
    assert world._initialise() == login
    assert {path.name for path in world.directory.iterdir() if path.is_file()} == {"operator.json"}
