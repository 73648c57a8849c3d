"""Templates of MariaDB and of MySQL, tried on either, restored by the real agent into either: every row is the same."""

# ruff: noqa: E501 - SQL is read by the row

import pytest

from tests.support.shops.databases import awkward_rows
from tests.support.shops.packing import packed, server_url

#: What both servers understand and each has its own way of printing.
COMMON = r"""
CREATE TABLE numbers (id bigint unsigned NOT NULL AUTO_INCREMENT, t tinyint(1) DEFAULT 0, d decimal(65,30), g double,
  z int(6) unsigned zerofill, b bit(10), y year, PRIMARY KEY (id)) ENGINE=InnoDB AUTO_INCREMENT=50;
INSERT INTO numbers VALUES (0,NULL,NULL,NULL,NULL,NULL,NULL),
  (7,-128,'12345678901234567890123456789012345.123456789012345678901234567891',1.7976931348623157e308,42,b'1000000001',1901),
  (18446744073709551615,127,-0.5,-2.2250738585072014e-308,999999,b'0',0000);
CREATE TABLE times (id int NOT NULL, d date, dt datetime(6) DEFAULT CURRENT_TIMESTAMP(6), t time(3),
  ts timestamp NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, PRIMARY KEY (id)) ENGINE=InnoDB;
INSERT INTO times VALUES (1,'0000-00-00','0000-00-00 00:00:00','-838:59:59','2020-03-29 02:30:00'),
  (2,'2015-00-10','2021-02-03 04:05:06.789012','12:34:56.789',NULL),(3,'2015-02-31',NULL,NULL,'1970-01-01 00:00:01');
CREATE TABLE texts (k varchar(60) COLLATE utf8mb4_bin NOT NULL, a text, l longtext, e enum('a','','b\'c'), s set('x','y'),
  PRIMARY KEY (k)) ENGINE=InnoDB;
INSERT INTO texts VALUES ('Z','it''s "q" \\ back; -- no\n\r\t\Z\0end %s %% @@SL','',  'a','x,y'),
  ('a','فروشگاه 🛒 é',REPEAT('long ',30000),'',''),('ä',NULL,NULL,'b\'c',NULL);
CREATE TABLE bytes (id binary(4) NOT NULL, b blob, v varbinary(20), PRIMARY KEY (id)) ENGINE=InnoDB;
INSERT INTO bytes VALUES (x'00010203',x'00ff0a0d275c1a',x''),(x'ffffffff',NULL,x'c328');
CREATE TABLE latin (id int NOT NULL, a varchar(50), PRIMARY KEY (id), FULLTEXT KEY words (a)) ENGINE=MyISAM
  DEFAULT CHARSET=latin1 ROW_FORMAT=FIXED;
INSERT INTO latin VALUES (1,'café'),(2,'€uro');
CREATE TABLE old (id int NOT NULL, a varchar(50), PRIMARY KEY (id)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3;
INSERT INTO old VALUES (1,'café');
CREATE TABLE unkeyed (a int, b varchar(10)) ENGINE=InnoDB;
INSERT INTO unkeyed VALUES (2,'x'),(1,'y'),(2,'x'),(NULL,NULL);
CREATE TABLE made (id int NOT NULL, a int, twice int GENERATED ALWAYS AS (a*2) STORED, thrice int GENERATED ALWAYS AS (a*3) VIRTUAL,
  PRIMARY KEY (id)) ENGINE=InnoDB;
INSERT INTO made (id,a) VALUES (1,5),(2,NULL);
CREATE FUNCTION answer() RETURNS int DETERMINISTIC RETURN 1;
"""
OWN = {
    "mariadb": r"""
CREATE TABLE own (id int NOT NULL, name varchar(80), j longtext CHECK (json_valid(j)), PRIMARY KEY (id), UNIQUE KEY name (name))
  ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_uca1400_ai_ci;
INSERT INTO own VALUES (1,'é','{"a":1}'),(2,'z',NULL);
""",
    "mysql": r"""
CREATE TABLE own (id int NOT NULL, name varchar(80), j json, h int INVISIBLE DEFAULT 3, c int, PRIMARY KEY (id), UNIQUE KEY name (name),
  KEY down (id DESC), KEY unseen (h) INVISIBLE, CHECK (c > 0)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_ai_ci;
INSERT INTO own (id, name, j, c) VALUES (1,'é','{"b": [1, 2.50, "x"], "a": null}',1),(2,'z',NULL,2);
""",
}
TABLES = ("numbers", "times", "texts", "bytes", "latin", "old", "unkeyed", "made", "parent", "child", "own")
WAYS = [
    ("mariadb", "mariadb", "mysql"),
    ("mysql", "mysql", "mysql"),
    ("mysql", "mysql", "mariadb"),
    ("mysql", "mariadb", "mariadb"),
    ("mysql", "mariadb", "mysql"),
]


@pytest.fixture(scope="module")
def servers(mysql_server, mariadb_server):
    return {"mysql": mysql_server, "mariadb": mariadb_server}


@pytest.fixture(scope="module")
def templates(servers):
    """Kind of server -> the name of a template database there."""
    for kind, server in servers.items():
        awkward_rows.load(server, "both_ways", COMMON + awkward_rows.LINKED + awkward_rows.ADDRESSES + OWN[kind])
    yield dict.fromkeys(servers, "both_ways")
    for server in servers.values():
        server.query("DROP DATABASE both_ways")


def rows_of(server, database, table):
    """Return the rows as the server prints them, sorted."""
    connection = server.root_connection(database)
    connection.decoders, connection.use_unicode = {}, False
    with connection.cursor() as cursor:
        cursor.execute("SET time_zone='+00:00'")
        # Hidden columns are columns too
        cursor.execute("SELECT column_name FROM information_schema.columns WHERE table_schema=%s AND table_name=%s"
                       " ORDER BY ordinal_position", (database, table))  # fmt: skip
        columns = ", ".join("`" + name.decode() + "`" for (name,) in cursor.fetchall())
        cursor.execute(f"SELECT {columns} FROM {table}")
        return sorted(cursor.fetchall(), key=repr)


@pytest.fixture
def packed_on(servers, templates, docroot, tmp_path):
    """Return a function that packs the template of a kind of server, tried on a scratch server of another."""

    def pack(template, scratch, **more):
        path = tmp_path / "shop.bundle"
        url = server_url(servers[template], templates[template])
        packed(docroot, path, database=url, scratch=server_url(servers[scratch]), **more)
        return path

    return pack


@pytest.mark.parametrize("way", WAYS, ids="-".join)
def test_every_row_comes_back(servers, templates, packed_on, restored, way):
    template, scratch, target = way
    box = restored(servers[target], packed_on(template, scratch))
    for table in TABLES:
        found = rows_of(servers[target], box.database, table)
        assert found == rows_of(servers[template], templates[template], table), table
    assert box.query("SELECT host FROM urls ORDER BY id") == (("new.example",), ("other.example",), (None,))
    assert box.query("SELECT id FROM a_second") == ((1,), (2,))
    assert box.query("SELECT answer()") == ((1,),)
    assert box.query("SHOW INDEX FROM latin WHERE Index_type='FULLTEXT'")
    engines = "SELECT DISTINCT ENGINE FROM information_schema.TABLES WHERE TABLE_SCHEMA=%s AND TABLE_TYPE='BASE TABLE'"
    assert box.query(engines, box.database) == (("InnoDB",),)
    assert not [name for (name,) in box.query("SHOW TABLES") if name.startswith("shoplaunch_")]


VARIANTS = """
[a]
rows = [
  { table = "texts", where = { k = "a" }, set = { a = "see http://shop.template.example/ 100% متن" } },
  { table = "latin", where = { a = "€uro" }, set = { a = "café" } },
  { table = "numbers", where = { id = 7 }, set = { d = 1.5, t = true, g = 0.1 } },
  { table = "times", where = { id = 2 }, set = { d = "2024-02-29", t = "-12:00:00.5" } },
]
"""


@pytest.mark.parametrize("way", WAYS, ids="-".join)
def test_a_variant_is_proved_wherever_it_is_built(servers, packed_on, restored, tmp_path, way):
    template, scratch, target = way
    declared = tmp_path / "variants.toml"
    declared.write_text(VARIANTS, "utf-8")
    box = restored(servers[target], packed_on(template, scratch, variants=declared), variant="a")
    assert box.query("SELECT a FROM texts WHERE k = 'a'") == (("see http://new.example/ 100% متن",),)
    assert box.query("SELECT DISTINCT a FROM latin") == (("café",),)
    assert box.query("SELECT t, d FROM numbers WHERE id = 7")[0][0] == 1
    assert str(box.query("SELECT d FROM times WHERE id = 2")[0][0]) == "2024-02-29"


@pytest.mark.parametrize("template,scratch", [("mysql", "mysql"), ("mysql", "mariadb"), ("mariadb", "mariadb")])
def test_the_same_template_gives_the_same_bytes(servers, templates, docroot, tmp_path, template, scratch):
    paths = [tmp_path / "one.bundle", tmp_path / "two.bundle"]
    for path in paths:
        url = server_url(servers[template], templates[template])
        packed(docroot, path, database=url, scratch=server_url(servers[scratch]))
    assert paths[0].read_bytes() == paths[1].read_bytes()
