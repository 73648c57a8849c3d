"""Each way a bundle comes to an agent on a cPanel server ends in a living shop; skeletons are really installed."""

import shutil

import pytest

from tests.integration.cpanel_live.shops import folder
from tests.support.worlds.whole import BUNDLE

pytestmark = pytest.mark.root
#: Bytes per second: an agent that fetched at this rate would not be back before the test gave up.
HARDLY_ANY = 1


@pytest.fixture(scope="module")
def bundle(shops):
    """The file of the controller's bundle."""
    return shops.whole.world.home / "bundles" / f"{BUNDLE}.bundle"


@pytest.mark.sampled(of=2)
@pytest.mark.parametrize("way", ["ssh", "own"])
def test_born_with_the_skeleton(shops, bundle, way):
    server = shops.add_server(f"born-{way}", way)
    shops.whole.world.run("skeleton", "install", server, "--with-bundle", BUNDLE, "--yes")
    shops.set(server, fetch_rate=HARDLY_ANY)
    hosting = shops.hosting(server)
    assert (folder(hosting) / "shop.bundle").read_bytes() == bundle.read_bytes()
    shops.live(shops.dropped(server, hosting), hosting)


@pytest.mark.sampled(of=3, rests=True)
def test_from_a_folder_of_the_server(shops, bundle):
    # Every account may read it
    shared = shops.whole.directory / "shared"
    shared.mkdir(mode=0o755)
    shutil.copy(bundle, shared)
    (shared / bundle.name).chmod(0o644)
    server = shops.add_server("shared", "api")
    shops.whole.world.run("skeleton", "install", server)
    shops.set(server, bundle_folder=shared, fetch_rate=HARDLY_ANY)
    hosting = shops.hosting(server)
    shops.live(shops.dropped(server, hosting), hosting)


@pytest.fixture(scope="module")
def slow(shops, bundle):
    """A server whose agents fetch their bundles from the controller, so slowly that they can be caught at it."""
    server = shops.add_server("fetched", "api")
    shops.whole.world.run("skeleton", "install", server)
    shops.set(server, fetch_rate=bundle.stat().st_size // 8)
    return server


@pytest.mark.sampled(of=3, rests=True)
def test_fetched_from_the_controller_going_on_where_it_was_cut_off(shops, bundle, slow):
    hosting = shops.hosting(slow)
    job = shops.dropped(slow, hosting)
    part = shops.caught_fetching(hosting)
    assert 0 < part.stat().st_size < bundle.stat().st_size
    assert shops.live(job, hosting)["attempt"] == 1


@pytest.mark.sampled(of=3, rests=True)
def test_what_was_fetched_is_checked_before_it_is_used_and_fetched_anew_by_the_next_tick(shops, bundle, slow):
    hosting = shops.hosting(slow)
    job = shops.dropped(slow, hosting)
    part = shops.caught_fetching(hosting)
    whole = bundle.read_bytes()
    # Were it not for this place being kept, nothing would be damaged
    with part.open("r+b") as stream:
        stream.write(bytes(byte ^ 0xFF for byte in whole[:64]))
    assert shops.start_agent(hosting).wait(300) == 1, shops.log(hosting)
    assert "it is fetched anew" in shops.log(hosting)
    assert shops.live(job, hosting)["attempt"] == 1
