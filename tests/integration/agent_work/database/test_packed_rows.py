"""Rows that are hard to carry, from a template's database through the packer and the agent into an account's."""

from contextlib import closing

import pytest

from tests.integration.agent_work.conftest import Shop
from tests.integration.pythons.test_memory import MIB, MOST_MEMORY
from tests.support.machine.resources import usage_of
from tests.support.servers.databases.mariadb import start_private, stop_private
from tests.support.shops.packing import Written, packed, server_url, small_shop

ROW_BYTES = 40 * MIB
UNKEYED = """CREATE TABLE visits (day date, host varchar(60), note text) ENGINE=InnoDB;
INSERT INTO visits VALUES ('2026-01-02','shop.template.example','see http://shop.template.example/'),
  ('2026-01-02','shop.template.example','see http://shop.template.example/'),('2026-01-01','b',NULL),
  (NULL,NULL,NULL),(NULL,NULL,NULL),('2026-01-01','b',NULL),('2026-01-03','','');
CREATE TABLE ps_configuration (id int NOT NULL PRIMARY KEY);
"""
LARGE = """CREATE TABLE pages (id int NOT NULL, body longtext, PRIMARY KEY (id)) ENGINE=InnoDB;
INSERT INTO pages VALUES (1,CONCAT('http://shop.template.example/ ',REPEAT('forty megabytes ',{}))),(2,'small');
CREATE TABLE ps_configuration (id int NOT NULL PRIMARY KEY);
""".format(ROW_BYTES // len("forty megabytes "))
DOMAIN = "shop.example.com"


@pytest.fixture(scope="module")
def roomy():
    """A server that takes rows of any size."""
    server = start_private(["--max-allowed-packet=256M", "--innodb-log-file-size=512M"])
    yield server
    stop_private(server)


@pytest.fixture
def template(tmp_path):
    """A function: server, SQL -> (the template's database there, its packed bundle, its manifest)."""
    made = []

    def pack(server, sql, **more):
        name = server.new_database()[0]
        made.append((server, name))
        for statement in filter(None, map(str.strip, sql.split(";\n"))):
            server.query(statement, database=name)
        target = tmp_path / "packed.bundle"
        shop = small_shop(tmp_path / "template")
        done = packed(shop, target, database=server_url(server, name), scratch=server_url(server), **more)
        return name, Written(target), done.manifest

    yield pack
    for server, name in made:
        server.query(f"DROP DATABASE `{name}`")
        server.query(f"DROP USER `{name}`@localhost")


def test_rows_of_a_table_without_a_key_arrive_as_often_as_they_were_there(
    mariadb_server, template, controller, keys, agent
):
    name, bundle, _ = template(mariadb_server, UNKEYED)
    with closing(Shop(mariadb_server, bundle, controller, keys, agent)) as shop:
        shop.drop()
        assert shop.run() == 0
        rows = "SELECT * FROM visits ORDER BY day, host, note"
        wanted = mariadb_server.query(rows, database=name)
        assert len(wanted) == 7 and wanted != shop.query(rows)
        ours = [
            tuple(cell.replace("shop.template.example", DOMAIN) if isinstance(cell, str) else cell for cell in row)
            for row in wanted
        ]
        assert sorted(shop.query(rows), key=repr) == sorted(ours, key=repr)


@pytest.mark.sampled(of=3, rests=True)
def test_a_row_of_forty_megabytes_arrives_in_thrice_its_memory(roomy, template, controller, keys, agent):
    name, bundle, manifest = template(roomy, LARGE)
    assert manifest["requirements"]["max_row_bytes"] >= ROW_BYTES
    with closing(Shop(roomy, bundle, controller, keys, agent)) as shop:
        shop.drop()
        process = shop.start()
        usage = usage_of(process)
        assert process.returncode == 0, controller.events[-1:]
        [(wanted,)] = roomy.query(
            f"SELECT SHA2(REPLACE(body, 'shop.template.example', '{DOMAIN}'), 256) FROM pages WHERE id = 1",
            database=name,
        )
        assert shop.query("SELECT SHA2(body, 256), LENGTH(body) >= %s FROM pages WHERE id = 1", ROW_BYTES) == (
            (wanted, 1),
        )
        assert 0 < usage.pss <= MOST_MEMORY + 3 * ROW_BYTES, usage.pss / MIB


@pytest.mark.sampled(of=3, rests=True)
def test_a_server_that_takes_no_such_row_is_reported_before_anything_is_changed(
    roomy, mariadb_server, template, controller, keys, agent
):
    _, bundle, manifest = template(roomy, LARGE)
    with closing(Shop(mariadb_server, bundle, controller, keys, agent)) as shop:
        shop.drop()
        assert shop.run() == 3
        error = controller.accepted("failed")[-1]["error"]
        assert error["code"] == "db_packet" and "max_allowed_packet" in error["advice"]
        assert str(manifest["requirements"]["max_statement_bytes"] // MIB)[:2] == "40"
        assert shop.tables() == set() and list(shop.root.iterdir()) == []
