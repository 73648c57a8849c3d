"""The resume sample: six tables in twelve chunks, four shards, its tables taken from InnoDB or MyISAM ones."""

from controller.bundles.source.database import schema
from controller.bundles.source.database.snapshot import Table
from controller.bundles.source.servers.connections import connect, parse_url
from tests.support.shops.handmade import DIGESTS, TABLES, Handmade, chunk_texts

ENGINES = ("InnoDB", "MyISAM")
#: Tables of the source besides those of every handmade bundle. Numbers that begin anew for every shop are MyISAM's own:
#: they are no key's first column.
OTHERS = {
    "ps_lang": "CREATE TABLE `ps_lang` (`id` int NOT NULL AUTO_INCREMENT, `iso` char(2) NOT NULL, PRIMARY KEY (`id`),"
    " UNIQUE KEY `iso` (`iso`)) DEFAULT CHARSET=utf8mb4",
    "ps_search": "CREATE TABLE `ps_search` (`id` int NOT NULL, `words` text NOT NULL, PRIMARY KEY (`id`),"
    " FULLTEXT KEY `words` (`words`)) DEFAULT CHARSET=utf8mb4",
    "ps_stock": "CREATE TABLE `ps_stock` (`shop` int NOT NULL, `number` int NOT NULL{counter}, `amount` int NOT NULL,"
    " PRIMARY KEY (`shop`,`number`), KEY `amount` (`amount`)) DEFAULT CHARSET=utf8mb4",
}
ROWS = {
    "ps_lang": ["(1,'en')", "(2,'fa')"],
    "ps_search": [f"({n},'words of product {n}')" for n in range(1, 41)],
    "ps_stock": [f"({1 + n % 2},{1 + n // 2},{n * 7})" for n in range(60)],
}
OTHER_DIGESTS = {
    "ps_lang": "SELECT COUNT(*), BIT_XOR(CRC32(`iso`)), SUM(CRC32(`iso`)) FROM `ps_lang`",
    "ps_search": "SELECT COUNT(*), BIT_XOR(CRC32(`words`)), SUM(CRC32(`words`)) FROM `ps_search`",
    "ps_stock": "SELECT COUNT(*), BIT_XOR(CRC32(`number`)), SUM(CRC32(`amount`)) FROM `ps_stock`",
}


def source_tables(server, engine):
    """Return (entries of `db/tables.json.gz`, the engines they had) for OTHERS as tables of `engine` on `server`.

    They are really made and then read, converted and tried as the packer does it.
    """
    database = server.new_database()[0]
    url = f"mysql://root@localhost/{database}?unix_socket={server.socket}"
    connection = connect(parse_url(url, "source_database"), "source_database")
    entries, had = [], set()
    try:
        for name, create in OTHERS.items():
            counter = " AUTO_INCREMENT" if engine == "MyISAM" else ""
            connection.query(create.replace("{counter}", counter) + f" ENGINE={engine}")
            made = connection.one(f"SHOW CREATE TABLE `{name}`")[1].decode()
            connection.query(f"DROP TABLE `{name}`")
            create, _ = schema.as_innodb(made, keep_counter=True)
            create = schema.try_definition(connection, Table(name, (), ()), create)
            entries.append(schema.take_apart(create, name, schema.LATE_INDEX_ROWS + 1).as_json())
            had.add("MyISAM" if "ENGINE=MyISAM" in made else "InnoDB")
    finally:
        connection.close()
        server.query(f"DROP DATABASE `{database}`")
    assert had == {engine}
    return entries


class Sample(Handmade):
    """The sample with tables that were `engine`'s in the template."""

    def __init__(self, server, engine="InnoDB"):
        self.tables = [*TABLES, *source_tables(server, engine)]
        self.digest_sql = {**DIGESTS, **OTHER_DIGESTS}
        super().__init__(server, rows_each=40, chunks=8, shards=3)
        chunks = sorted(name for name in self.entries if name.startswith("db/data/"))
        for table, chunk in zip(ROWS, chunks[-len(ROWS) :], strict=True):
            self.entries[chunk]["table"] = table

    def _texts(self, rows_each, chunks):
        others = [(f"INSERT INTO `{name}` VALUES {','.join(rows)};\n", len(rows)) for name, rows in ROWS.items()]
        return [*chunk_texts(rows_each, chunks), *others]
