"""A dump of a real PrestaShop, by whatever tool, is packed to the bytes its live database gives."""

import pytest

from tests.support.shops.databases.live_dumps import STYLES
from tests.support.shops.real_variant import write_variants


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("dumps")


@pytest.fixture(scope="module")
def variants(template, folder):
    return write_variants(template, folder)


@pytest.fixture(scope="module")
def live(template, folder, variants):
    template.pack(folder / "live.bundle", variants)
    return (folder / "live.bundle").read_bytes()


@pytest.mark.parametrize("style", STYLES)
def test_the_dump_gives_the_bytes_of_the_live_database(template, folder, variants, live, style):
    dump, target = folder / "shop.sql", folder / "dump.bundle"
    dump.write_bytes(template.dumps.of(style))
    template.pack(target, variants, "--dump", str(dump))
    assert target.read_bytes() == live
    target.unlink()
