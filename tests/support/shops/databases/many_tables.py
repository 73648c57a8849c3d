"""A template with any number of tables, packed: each has a key of text, an index, and a row with the domain."""

from pathlib import Path

import pymysql
from pymysql.constants import CLIENT

from tests.support.shops.packing import Written, packed, server_url, small_shop

ROWS = 2
#: So many tables are made by one message to the server.
_AT_ONCE = 50
_TABLE = (
    "CREATE TABLE `module_table_{0:05}` (id int unsigned NOT NULL AUTO_INCREMENT, slug varchar(64) NOT NULL, body text,"
    " added datetime, PRIMARY KEY (id), UNIQUE KEY slug (slug), KEY added (added)) ENGINE=InnoDB;"
    "INSERT INTO `module_table_{0:05}` (slug, body) VALUES ('a', 'see http://shop.template.example/{0}'), ('b', NULL);"
)


def make_tables(server, database, count):
    """Make a database with `count` tables."""
    server.query(f"CREATE DATABASE `{database}` CHARACTER SET utf8mb4")
    connection = pymysql.connect(
        unix_socket=server.socket, user="root", database=database, autocommit=True, charset="utf8mb4",
        client_flag=CLIENT.MULTI_STATEMENTS,
    )  # fmt: skip
    with connection, connection.cursor() as cursor:
        for start in range(0, count, _AT_ONCE):
            cursor.execute("".join(_TABLE.format(number) for number in range(start, min(start + _AT_ONCE, count))))
            while cursor.nextset():
                pass


class ManyTables(Written):
    """A packed template with `count` tables and ps_configuration; what it was made from is gone."""

    def __init__(self, server, folder, count):
        super().__init__(Path(folder) / f"{count}.bundle")
        database = f"many_{count}"
        try:
            make_tables(server, database, count)
            # Pictures of a restored shop show this one's rows
            server.query("CREATE TABLE ps_configuration (id int NOT NULL PRIMARY KEY)", database=database)
            self.packed = packed(
                small_shop(Path(folder) / f"shop{count}"), self.path, database=server_url(server, database)
            )
        finally:
            server.query(f"DROP DATABASE IF EXISTS `{database}`")
