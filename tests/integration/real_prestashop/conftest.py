"""A world whose bundle is packed from the PrestaShop that the environment names; without one, everything skips.

SHOPLAUNCH_REAL_DOCROOT is its document root, SHOPLAUNCH_REAL_DATABASE its database; its server must be running.
"""

import json
import os
import shutil
import sys
import tempfile
import zipfile
from pathlib import Path

import pytest

from tests.conftest import PROJECT
from tests.integration.whole.conftest import SERVER
from tests.real_shop import DATABASE, DOCROOT, HINT, Real, Template

sys.path.insert(0, str(PROJECT / "packaging" / "demo"))


@pytest.fixture(scope="session")
def real():
    if DOCROOT not in os.environ or DATABASE not in os.environ:
        pytest.skip(HINT)
    from world import World

    directory = Path(tempfile.mkdtemp(prefix="slr"))
    directory.chmod(0o755)
    world = World(directory, prefix="slr" + directory.name[-4:].lower().replace("_", "x"))
    try:
        world.start()
        made = Real(world, Template(os.environ))
        made.prepare()
        yield made
    finally:
        world.remove()
        shutil.rmtree(directory, ignore_errors=True)
        assert not directory.exists()


@pytest.fixture(scope="session")
def manifest(real):
    with zipfile.ZipFile(real.bundle) as bundle:
        return json.loads(bundle.read("manifest.json"))


@pytest.fixture(scope="session")
def shops(real):
    """Two shops started by cron, the second in an account born with the bundle; as (job, shown) pairs."""
    jobs = [real.order()]
    # The account of the first order is born before the skeleton changes
    real.wait(jobs[0], "dropped", "restoring", "finishing", "live")
    real.world.run("skeleton", "install", SERVER, "--with-bundle", "real", "--yes")
    jobs.append(real.order("--country", "DE"))
    try:
        yield [(job, real.wait(job, "live", "failed", "stalled", seconds=300)) for job in jobs]
    finally:
        real.world.run("skeleton", "install", SERVER)
