"""Accounts with a database, a handmade bundle and the real agent."""

from contextlib import closing

import pytest

from tests.support.servers.local_server import LocalServer
from tests.support.servers.web.controller_stub import Controller
from tests.support.shops.handmade import Handmade
from tests.support.worlds.agent_box import Box, killing_agent


class Shop(Box):
    """An account whose job restores the handmade bundle into a database of its own."""

    def __init__(self, server, bundle, controller, keys, agent):
        super().__init__(controller, keys, agent)
        self.server = server
        self.database, self.db_user, self.db_password = server.new_database()
        self.pin = bundle.write(self.folder / "shop.bundle")
        self.own()

    def job(self, **changes):
        values = {
            "db.name": self.database,
            "db.user": self.db_user,
            "db.password": self.db_password,
            "db.socket": self.server.socket,
            "admin_folder": "backoffice77",
            "shop.name": 'Anna\'s "Shop" فروشگاه',
        }
        values.update(changes.pop("values", {}))
        rules = {"keep": ["cgi-bin", ".well-known"], "default_pages": [], "occupied": "refuse"}
        rules["htaccess_blocks"] = [{"start": "^# BEGIN panel", "end": "^# END panel"}]
        changes.setdefault("document_root", rules)
        return super().job(values=values, **changes)

    def query(self, sql, *params):
        """Run one statement as root in the shop's database."""
        return self.server.query(sql, *params, database=self.database)

    def tables(self):
        """Return the names of tables and views."""
        return {row[0] for row in self.query("SHOW TABLES")}

    def picture(self):
        """Return everything that must be the same after any disturbed restore."""
        bases = [row[0] for row in self.query("SHOW FULL TABLES WHERE Table_type = 'BASE TABLE'")]
        checksums = {
            table: (self.query(f"CHECKSUM TABLE `{table}`")[0][1], self.query(f"SELECT COUNT(*) FROM `{table}`")[0][0])
            for table in sorted(bases)
        }
        settings = self.query("SELECT * FROM ps_configuration ORDER BY id")
        creates = {table: self.query(f"SHOW CREATE TABLE `{table}`")[0][1] for table in sorted(self.tables())}
        definitions = {table: create.replace(self.database, "the_shop") for table, create in creates.items()}
        definitions["triggers"] = [row[:5] for row in self.query("SHOW TRIGGERS")]
        files = {}
        for path in sorted(self.root.rglob("*")):
            name = str(path.relative_to(self.root))
            kind = path.readlink() if path.is_symlink() else path.is_dir() or path.read_bytes()
            files[name] = (kind, path.lstat().st_mode)
        return checksums, settings, definitions, files

    def close(self):
        super().close()
        # Of a test that failed, others may still hold what is in it: they would be waited for without end
        self.server.drop_database(self.database)
        self.server.query(f"DROP USER IF EXISTS `{self.db_user}`@localhost")


def undisturbed(server, bundle, keys, agent, **job):
    """Return what a restore that nothing disturbs leaves (Shop.picture)."""
    with closing(Controller()) as controller, closing(Shop(server, bundle, controller, keys, agent)) as shop:
        shop.drop(**job)
        assert shop.run() == 0, controller.events[-1]
        return shop.picture()


@pytest.fixture(scope="session")
def bundle(mariadb_server):
    return Handmade(mariadb_server)


@pytest.fixture
def shop(mariadb_server, bundle, controller, keys, agent):
    account = Shop(mariadb_server, bundle, controller, keys, agent)
    yield account
    account.close()


@pytest.fixture
def site(mariadb_server):
    """A database for contexts made by hand (tests.integration.agent_work.database.site.Site)."""
    from tests.integration.agent_work.database.site import Site

    made = Site(mariadb_server)
    yield made
    made.close()


@pytest.fixture(scope="package")
def web_server():
    """A server whose Apache serves accounts."""
    server = LocalServer().start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def killable(agent, tmp_path_factory):
    """The agent, which dies where `kill.json` says."""
    path = tmp_path_factory.mktemp("killable") / "agent.pyz"
    killing_agent(agent, path)
    return path
