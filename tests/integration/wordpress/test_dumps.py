"""A dump of a WordPress, by whatever tool, is packed to the bytes its live database gives."""

import pytest

from tests.support.shops.databases.live_dumps import STYLES, Dumps


@pytest.fixture(scope="module")
def dumps(sites):
    site = sites.site
    door = [f"--user={site.user}", f"--socket={site.socket}"]
    return Dumps(door, site.password, site.database, lambda statement: sites.sql(statement, database=site.database))


BY_TURNS = pytest.mark.sampled(of=2, kind="quick")


@pytest.mark.parametrize(
    "style", [pytest.param(one, marks=pytest.mark.nightly if "per row" in one else BY_TURNS) for one in STYLES]
)
def test_the_dump_gives_the_bytes_of_the_live_database(sites, dumps, tmp_path, style):
    dump, target = tmp_path / "site.sql", tmp_path / "dump.bundle"
    dump.write_bytes(dumps.of(style))
    sites.world.run("pack", "--docroot", str(sites.site.root), "--dump", str(dump), "--variants", str(sites.variants),
                    "-o", str(target))  # fmt: skip
    assert target.read_bytes() == sites.bundle.read_bytes()
