"""A world whose bundle is packed from the PrestaShop that the environment names; without one, everything skips.

SHOPLAUNCH_REAL_DOCROOT is its document root, SHOPLAUNCH_REAL_DATABASE its database; its server must be running.
SHOPLAUNCH_REAL_PHP adds php-fpm binaries to those that are installed, for shops that need an older one.
"""

import json
import os
import zipfile

import pytest

from tests.support.shops.real_shop import DATABASE, DOCROOT, HINT, Real, Template
from tests.support.worlds.whole import BUNDLE, SERVER

#: Cron fires once a minute; a real shop takes longer than the sample.
SECONDS = 400
#: Of the second shop.
TIME_ZONE = "Asia/Tehran"


@pytest.fixture(scope="session")
def template():
    if DOCROOT not in os.environ or DATABASE not in os.environ:
        pytest.skip(HINT)
    return Template(os.environ)


@pytest.fixture(scope="session")
def real(template):
    if template.needs_wasm:
        pytest.skip("no php-fpm here runs it: it is restored in test_old_php.py")
    made = Real(template)
    try:
        yield made.start()
    finally:
        made.remove()


@pytest.fixture(scope="session")
def manifest(real):
    with zipfile.ZipFile(real.bundle) as bundle:
        return json.loads(bundle.read("manifest.json"))


@pytest.fixture(scope="session")
def shops(real):
    """Two shops started by cron, as (job, shown) pairs; the second, in an account born with the bundle, under a name in
    another script."""
    jobs = [real.order()]
    # The account of the first order is created before the skeleton changes
    real.wait(jobs[0], "dropped", "restoring", "finishing", "live")
    real.world.run("skeleton", "install", SERVER, "--with-bundle", BUNDLE, "--yes")
    more = ("--country", "DE", "--option", f"time_zone={TIME_ZONE}")
    jobs.append(real.order(*more, domain=f"فروشگاه.{real.world.prefix}.localhost"))
    try:
        yield [(job, real.live(job, SECONDS)) for job in jobs]
    finally:
        real.world.run("skeleton", "install", SERVER)
