"""Templates for the recipe: our sample shop really installed, and the real PrestaShop where the machine has one."""

import copy
import glob
import os
import re
from pathlib import Path

import pytest

from tests.support.packers_view import packers_view
from tests.support.shops import sample_shop
from tests.support.shops.restored_shop import RestoredShop

SHOP_PLACES = ("/srv/*/public_html", "/var/www/*/public_html")
DOMAIN = "template.shop.example"
ADMIN = "boss@template.example"
PASSWORD = "Pa%ss'w\\ord-7"


class Sample:
    """An installed sample shop: `root` is its tree, `database` the name, `server` the MariaDB it is in."""

    def __init__(self, server, root, names, uri):
        self.server = server
        self.root = root
        self.database, self.user, self.password = names
        self.uri = uri

    def query(self, sql, *params):
        """Run one statement in the shop's database."""
        return self.server.query(sql, *params, database=self.database)

    def source(self):
        """Return a context manager: the packer's view of the database."""
        return packers_view(self.server.socket, self.database)


def install(server, root, uri="/"):
    """Install the sample shop with a database password full of awkward characters."""
    name, user, _ = server.new_database()
    server.query(f"ALTER USER `{user}`@localhost IDENTIFIED BY %s", PASSWORD)
    url = f"mysql://{user}:@localhost/{name}?unix_socket={server.socket}"
    more = ("--admin-email", ADMIN, "--physical-uri", uri, "--with-install-folder")
    sample_shop.install(root, DOMAIN, url, PASSWORD, *more)
    return Sample(server, root, (name, user, PASSWORD), uri)


@pytest.fixture(scope="session")
def sample(mariadb_server, tmp_path_factory):
    """The sample shop; tests must not change it."""
    return install(mariadb_server, tmp_path_factory.mktemp("sample") / "public_html")


@pytest.fixture(scope="session")
def breakable(mariadb_server, tmp_path_factory):
    """(a sample shop, what restores it)."""
    folder = tmp_path_factory.mktemp("breakable")
    shop = install(mariadb_server, folder / "public_html")
    restored = RestoredShop(mariadb_server, shop.root, shop.database, folder / "copy")
    yield shop, restored
    restored.close()


@pytest.fixture
def own_sample(breakable):
    """A sample shop a test may break: it is restored afterwards."""
    shop, restored = breakable
    yield copy.copy(shop)
    restored.restore()


def is_real_shop(root):
    """Return whether `root` holds a PrestaShop whose database's server has its socket next to it."""
    return (root / "app/config/parameters.php").is_file() and (root.parent / "mysql.sock").exists()


@pytest.fixture(scope="session")
def real_shop():
    """(document root, Source) of a real PrestaShop whose server's socket is next to it; skips where there is none.

    SHOPLAUNCH_REAL_SHOP names the document root; otherwise the usual places are looked at.
    """
    named = os.environ.get("SHOPLAUNCH_REAL_SHOP")
    roots = [named] if named else sorted(path for place in SHOP_PLACES for path in glob.glob(place))
    root = next((Path(path) for path in roots if is_real_shop(Path(path))), None)
    if root is None:
        pytest.skip("no real PrestaShop here (SHOPLAUNCH_REAL_SHOP names one)")
    parameters = (root / "app/config/parameters.php").read_text("utf-8")
    database = re.search(r"'database_name' => '([^']+)'", parameters)[1]
    with packers_view(root.parent / "mysql.sock", database) as source:
        yield root, source
