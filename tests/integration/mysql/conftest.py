"""A private MySQL, and accounts into which the real agent restores what the packer made."""

import pytest

from controller.bundles.residue.bundle_reader import open_bundle
from tests.support.servers.databases.mariadb import stop_private
from tests.support.servers.databases.mysql import HINT, find, start_private
from tests.support.shops.packing import small_shop
from tests.support.worlds.agent_box import Box


@pytest.fixture(scope="session")
def mysql_server():
    """A running MySQL (tests.support.servers.databases.mysql.MySQL); skips where there is none."""
    if find() is None:
        pytest.skip(HINT)
    server = start_private()
    yield server
    stop_private(server)


@pytest.fixture
def docroot(tmp_path):
    """A small document root."""
    return small_shop(tmp_path / "shop")


class Restored(Box):
    """An account with a database on `server` of its own and the bundle at `path` in it."""

    def __init__(self, server, path, controller, keys, agent):
        super().__init__(controller, keys, agent)
        self.server = server
        self.database, self.db_user, self.db_password = server.new_database()
        (self.folder / "shop.bundle").write_bytes(path.read_bytes())
        with open_bundle(path) as bundle:
            self.manifest = bundle.manifest
            self.pin = {"manifest_sha256": bundle.manifest_sha256, "size": bundle.size}
        self.own()

    def job(self, **changes):
        values = {"domain": "new.example", "db.name": self.database, "db.user": self.db_user}
        values.update({"db.password": self.db_password, "db.socket": self.server.socket}, **changes.pop("values", {}))
        return super().job(values=values, **changes)

    def query(self, sql, *params):
        """Run one statement as root in the shop's database."""
        return self.server.query(sql, *params, database=self.database)

    def close(self):
        super().close()
        self.server.query(f"DROP DATABASE `{self.database}`")
        self.server.query(f"DROP USER `{self.db_user}`@localhost")


@pytest.fixture
def restored(controller, keys, agent):
    """A function: (server, bundle, changes of the job) -> the account, after its agent has found everything right."""
    made = []

    def restore(server, path, **changes):
        box = Restored(server, path, controller, keys, agent)
        made.append(box)
        box.drop(**changes)
        box.cron()
        assert box.run(seconds=180) == 0, (box.folder / "agent.log").read_text()
        return box

    yield restore
    for box in made:
        box.close()
