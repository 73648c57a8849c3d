"""What the packer's tests share: a small document root and a database of awkward values."""

# ruff: noqa: E501 - SQL is read by the row

import pytest

from tests.support.shops import sample_shop
from tests.support.shops.databases import awkward_rows
from tests.support.shops.packing import server_url, small_shop

DOMAIN = "template.shop.example"
#: Every kind of value, key and engine that has its own way of going wrong.
AWKWARD = r"""
CREATE TABLE numbers (id bigint unsigned NOT NULL AUTO_INCREMENT, t tinyint, d decimal(65,30), f float, g double,
  z int(6) unsigned zerofill, b bit(10), y year, PRIMARY KEY (id)) ENGINE=InnoDB AUTO_INCREMENT=50 DEFAULT CHARSET=utf8mb4;
INSERT INTO numbers VALUES (0,NULL,NULL,NULL,NULL,NULL,NULL,NULL),
  (7,-128,'12345678901234567890123456789012345.123456789012345678901234567891',0.1,1.7976931348623157e308,42,b'1000000001',1901),
  (18446744073709551615,127,-0.5,3.4028e38,-2.2250738585072014e-308,999999,b'0',0000),(9,1,1,16777217,0.1,1,b'1111111111',2155);
CREATE TABLE times (id int NOT NULL, d date, dt datetime(6), t time(3), ts timestamp NULL, PRIMARY KEY (id)) ENGINE=InnoDB;
INSERT INTO times VALUES (1,'0000-00-00','0000-00-00 00:00:00','-838:59:59','2020-03-29 02:30:00'),
  (2,'2015-00-10','2021-02-03 04:05:06.789012','12:34:56.789',NULL),(3,'2015-02-31',NULL,NULL,'1970-01-01 00:00:01');
CREATE TABLE texts (k varchar(60) COLLATE utf8mb4_bin NOT NULL, a text, l longtext, e enum('a','','b\'c'), s set('x','y'),
  j longtext CHECK (json_valid(j)), PRIMARY KEY (k)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
INSERT INTO texts VALUES ('Z','it''s "q" \\ back; -- no\n\r\t\Z\0end %s %% @@SL','',  'a','x,y','{"a": "\\u00e9"}'),
  ('a','فروشگاه 🛒 é',REPEAT('long ',30000),'','',NULL),('ä',NULL,NULL,'b\'c',NULL,'[]');
CREATE TABLE bytes (id binary(4) NOT NULL, b blob, v varbinary(20), g point, PRIMARY KEY (id)) ENGINE=InnoDB;
INSERT INTO bytes VALUES (x'00010203',x'00ff0a0d275c1a',x'',ST_GeomFromText('POINT(1.5 -2)')),(x'ffffffff',NULL,x'c328',NULL);
CREATE TABLE latin (id int NOT NULL, a varchar(50), PRIMARY KEY (id), FULLTEXT KEY words (a)) ENGINE=MyISAM
  DEFAULT CHARSET=latin1 ROW_FORMAT=FIXED;
INSERT INTO latin VALUES (1,'caf\é'),(2,'€uro');
CREATE TABLE aria (grp varchar(10) NOT NULL, n int NOT NULL AUTO_INCREMENT, PRIMARY KEY (grp,n)) ENGINE=Aria TRANSACTIONAL=0;
INSERT INTO aria (grp) VALUES ('a'),('a'),('b');
CREATE TABLE unkeyed (a int, b varchar(10)) ENGINE=InnoDB;
INSERT INTO unkeyed VALUES (2,'x'),(1,'y'),(2,'x'),(NULL,NULL);
CREATE TABLE made (id int NOT NULL, a int, twice int GENERATED ALWAYS AS (a*2) STORED, thrice int AS (a*3) VIRTUAL,
  PRIMARY KEY (id)) ENGINE=InnoDB;
INSERT INTO made (id,a) VALUES (1,5),(2,NULL);
CREATE FUNCTION one() RETURNS int DETERMINISTIC RETURN 1;
"""


def installed_sample(root, mariadb_server):
    """Install the sample shop into `root`, of its thousands of alike rows a few; return (document root, database URL
    without the password, password)."""
    name, user, password = mariadb_server.new_database()
    url = f"mysql://{user}@localhost/{name}?unix_socket={mariadb_server.socket}"
    sample_shop.install(root, DOMAIN, url, password)
    mariadb_server.query("DELETE FROM ps_samplestats WHERE day > '2025-01-03'", database=name)
    return root, url, password


@pytest.fixture(scope="session")
def sample(mariadb_server, tmp_path_factory):
    """A sample shop, which is as before after each test: (document root, database URL without the password, password)."""
    return installed_sample(tmp_path_factory.mktemp("sample") / "public_html", mariadb_server)


@pytest.fixture
def docroot(tmp_path):
    """A small document root."""
    return small_shop(tmp_path / "shop")


@pytest.fixture(scope="session")
def awkward(mariadb_server):
    """The name of a database with AWKWARD in it."""
    name = "awkward"
    awkward_rows.load(mariadb_server, name, AWKWARD + awkward_rows.LINKED + awkward_rows.ADDRESSES)
    yield name
    mariadb_server.query(f"DROP DATABASE {name}")


@pytest.fixture
def url_of(mariadb_server):
    """A function: database name -> URL."""
    return lambda name=None: server_url(mariadb_server, name)
