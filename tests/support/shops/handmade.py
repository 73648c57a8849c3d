"""A small bundle made by hand: every kind of member, digests taken from a real server."""

import base64
import copy
import gzip
import io
import json
import tarfile

from shared.bundle import SESSION
from shared.placeholders import Renderer, token
from tests.support.worlds.agent_box import NONCE, small_manifest, write_bundle

TEMPLATE_DOMAIN = "template.example"
#: Values with which rows are loaded to take digests; placeholder cells are masked there.
PROBE_VALUES = {"domain": "probe.example", "root": "/probe", "shop.name": "Probe", "secret.cookie_key": "k"}


def place(name, steps="raw"):
    """Return a placeholder of the bundle as text."""
    return token(NONCE, name, steps).decode()


def packed(data):
    """Return gzip bytes without time or name."""
    return gzip.compress(data if isinstance(data, bytes) else json.dumps(data).encode(), mtime=0)


def shard(entries, pack=packed):
    """Return (packed, unpacked size, count) of a shard packed by `pack`; `entries` are (path, content),
    (path, None) for a folder, (path, ("->", target)) for a link."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for path, content in entries:
            info = tarfile.TarInfo(path)
            info.mtime = 1_500_000_000
            if content is None:
                info.type, info.mode = tarfile.DIRTYPE, 0o755
                archive.addfile(info)
            elif isinstance(content, tuple):
                info.type, info.linkname = tarfile.SYMTYPE, content[1]
                archive.addfile(info)
            else:
                data = content if isinstance(content, bytes) else content.encode()
                info.size, info.mode = len(data), 0o664
                archive.addfile(info, io.BytesIO(data))
    return pack(buffer.getvalue()), len(buffer.getvalue()), len(entries)


PLAIN_FILES = [
    ("classes", None),
    ("classes/Shop.php", "<?php class Shop {}\n"),
    ("img", None),
    ("img/1.png", bytes(range(256)) * 40),
    ("img/" + "long" * 40 + ".txt", "long name"),
    ("index.php", "<?php echo 'shop';\n"),
    ("pictures", ("->", "img")),
    ("empty", None),
]
FILLED_FILES = [
    (place("admin_folder") + "/index.php", "<?php // back office\n"),
    ("config/parameters.php", f"<?php return ['key' => '{place('secret.cookie_key', 'symfony')}'];\n"),
    (
        ".htaccess",
        "RewriteEngine On\nRewriteCond %{HTTP_HOST} ^" + place("domain", "regex") + "$\nRewriteRule ^x$ index.php\n",
    ),
]  # fmt: skip
TABLES = [
    {
        "name": "ps_product",
        "create": "CREATE TABLE `ps_product` (`id` int NOT NULL AUTO_INCREMENT, `name` varchar(64) COLLATE"
        " utf8mb4_unicode_ci NOT NULL, `added` datetime NOT NULL DEFAULT '0000-00-00 00:00:00', `raw` varbinary(40),"
        " PRIMARY KEY (`id`)) ENGINE=InnoDB AUTO_INCREMENT=5001 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci",
        "late": ["ALTER TABLE `ps_product` ADD KEY `name` (`name`)"],
        "late_index": ["name"],
        "foreign_keys": [],
    },
    {
        "name": "ps_image",
        "create": "CREATE TABLE `ps_image` (`id` int NOT NULL, `id_product` int NOT NULL, PRIMARY KEY (`id`),"
        " KEY `id_product` (`id_product`)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4",
        "late": [],
        "late_index": [],
        "foreign_keys": [
            ["image_product", "ALTER TABLE `ps_image` ADD CONSTRAINT `image_product` FOREIGN KEY (`id_product`)"
             " REFERENCES `ps_product` (`id`)"],
        ],
    },
    {
        "name": "ps_configuration",
        "create": "CREATE TABLE `ps_configuration` (`id` int NOT NULL, `name` varchar(40) NOT NULL, `value` longtext,"
        " PRIMARY KEY (`id`)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4",
        "late": [],
        "late_index": [],
        "foreign_keys": [],
    },
]  # fmt: skip
ROUTINES = [
    {"kind": "view", "name": "ps_named", "create": "CREATE VIEW `ps_named` AS SELECT `name` FROM `ps_product`"},
    {"kind": "trigger", "name": "ps_no_image",
     "create": "CREATE TRIGGER `ps_no_image` AFTER DELETE ON `ps_product` FOR EACH ROW BEGIN\n"
     "  DELETE FROM `ps_image` WHERE `id_product` = OLD.`id`;\nEND"},
]  # fmt: skip
FRAGMENT = '{"home":"http:\\/\\/' + place("domain", "json") + '"}'
CONFIGURE = [
    {
        "sql": "UPDATE `ps_configuration` SET `value`=%s WHERE `name`='PS_SHOP_NAME'",
        "params": [place("shop.name")],
        "min_rows": 1,
        "max_rows": 1,
        "check": {
            "sql": "SELECT `value` FROM `ps_configuration` WHERE `name`=%s",
            "params": ["PS_SHOP_NAME"],
            "expect": [place("shop.name")],
        },
    }
]


def chunk_texts(rows_each=250, chunks=8):
    """Return [(text, rows)] of data chunks, one statement a line."""
    texts = []
    for number in range(chunks):
        first = number * rows_each + 1
        values = ",".join(
            f"({n},'product {n} O\\'Brien \\\\ 🎉','0000-00-00 00:00:00',0x00ff27{n:08x})"
            for n in range(first, first + rows_each)
        )
        images = ",".join(f"({n},{n})" for n in range(first, first + rows_each, 5))
        lines = [f"INSERT INTO `ps_product` VALUES {values};", f"INSERT INTO `ps_image` VALUES {images};"]
        texts.append(("\n".join(lines) + "\n", rows_each + rows_each // 5))
    serialized = 'a:1:{s:3:"url";s:' + place("domain", "len+7") + ':"http://' + place("domain", "sql") + '";}'
    serialized = serialized.replace('"', '\\"')
    configuration = (
        f"INSERT INTO `ps_configuration` VALUES (1,'PS_SHOP_DOMAIN','{place('domain', 'sql')}'),"
        f"(2,'PS_SHOP_NAME',''),(3,'NULLED',NULL),(4,'SLIDER','{serialized}'),"
        f"(5,'PACKED','{place('fragment.1', 'base64.sql')}'),(6,'PLAIN','same everywhere');\n"
    )
    texts.append((configuration, 6))
    return texts


CELLS = [
    {
        "table": "ps_configuration",
        "sql": "SELECT `value` FROM `ps_configuration` WHERE `id` IN (1,3,4,5) ORDER BY `id`",
        "expect": [
            place("domain"),
            None,
            'a:1:{s:3:"url";s:' + place("domain", "len+7") + ':"http://' + place("domain") + '";}',
            place("fragment.1", "base64"),
        ],
    }
]
DIGESTS = {
    "ps_product": "SELECT COUNT(*), BIT_XOR(CRC32(`id`)), SUM(CRC32(`id`)), BIT_XOR(CRC32(`name`)), SUM(CRC32(`name`)),"
    " BIT_XOR(CRC32(`added`)), SUM(CRC32(`added`)), BIT_XOR(CRC32(`raw`)), SUM(CRC32(`raw`)) FROM `ps_product`",
    "ps_image": "SELECT COUNT(*), BIT_XOR(CRC32(`id_product`)), SUM(CRC32(`id_product`)) FROM `ps_image`",
    "ps_configuration": "SELECT COUNT(*), BIT_XOR(CRC32(IF(`id` IN (1,2,4,5),NULL,`value`))),"
    " SUM(CRC32(IF(`id` IN (1,2,4,5),NULL,`value`))) FROM `ps_configuration`",
}

TEXT_COLUMNS = {"ps_product": ["name"], "ps_configuration": ["name", "value"]}


class Handmade:
    """A whole bundle; `members` may be changed before `write`. `server` is a MariaDB of tests/support."""

    tables = TABLES
    digest_sql = DIGESTS

    def __init__(self, server, rows_each=250, chunks=8, shards=2):
        self.texts = self._texts(rows_each, chunks)
        self.entries = {}
        self.members = {}
        self.listed = []
        self._files(shards)
        self._database()
        self.digests = self._take_digests(server)

    def _texts(self, rows_each, chunks):
        return chunk_texts(rows_each, chunks)

    def _files(self, shards):
        plain = [(f"bulk/{n:02d}/{m}.txt", f"{n} {m}\n" * 50) for n in range(shards - 1) for m in range(40)]
        half = len(plain) // max(1, shards - 1)
        parts = [PLAIN_FILES] + [plain[start : start + half] for start in range(0, len(plain), half or 1)]
        for number, part in enumerate(parts, 1):
            self._member(f"files/{number:04d}.tar.gz", "files", False, *shard(part))
        self._member("files/9999.tar.gz", "files", True, *shard(FILLED_FILES))

    def _database(self):
        self._member("db/tables.json.gz", "tables", False, packed(self.tables))
        self._member("db/routines.json.gz", "routines", False, packed(ROUTINES))
        self._member("db/configure.json.gz", "configure", True, packed(CONFIGURE))
        fragments = {"1": base64.b64encode(FRAGMENT.encode()).decode()}
        self._member("db/fragments.json.gz", "fragments", True, packed(fragments))
        cells = [
            {**cell, "expect": [text and base64.b64encode(text.encode()).decode() for text in cell["expect"]]}
            for cell in CELLS
        ]
        self._member("db/cells.json.gz", "cells", True, packed(cells))
        for number, (text, rows) in enumerate(self.texts, 1):
            filled = "@@SL" in text
            self._member(f"db/data/{number:04d}.sql.gz", "data", filled, packed(text.encode()), len(text.encode()))
            self.entries[f"db/data/{number:04d}.sql.gz"]["rows"] = rows

    def _member(self, name, kind, placeholders, data, unpacked=None, entries=None):
        self.members[name] = (kind, placeholders, data)
        self.entries[name] = {}
        if unpacked is not None:
            self.entries[name]["unpacked"] = unpacked
        if entries is not None:
            self.entries[name]["entries"] = entries

    def with_variants(self, server, variants):
        """Return this bundle with `variants`: name -> {"statements", "plain", "filled" (entries of shards), "entries"}.

        "entries" is how many of the files and folders are new.
        """
        other = copy.copy(self)
        other.members, other.entries = dict(self.members), dict(self.entries)
        said, other.listed, number = {}, [], 0
        for name, made in variants.items():
            digests = self._take_digests(server, made["statements"])
            changed = [table for table in self._tables(digests) if table["digest"] != list(self.digests[table["name"]])]
            said[name] = {"statements": made["statements"], "tables": changed, "cells": made.get("cells", [])}
            other.listed.append({"name": name, "title": name.title(), "entries": made.get("entries", 0)})
            for placeholders in (False, True):
                files = made.get("filled" if placeholders else "plain")
                if files:
                    number += 1
                    member = f"files/variant/{number:04d}.tar.gz"
                    other._member(member, "variant_files", placeholders, *shard(files))
                    other.entries[member]["variant"] = name
        other._member("db/variants.json.gz", "variants", True, packed(said))
        return other

    def _take_digests(self, server, more=()):
        database = server.new_database()[0]
        connection = server.root_connection(database)
        renderer = Renderer(NONCE, PROBE_VALUES, {"1": FRAGMENT.encode()})
        with connection, connection.cursor() as cursor:
            for statement in [*SESSION, *(table["create"] for table in self.tables)]:
                cursor.execute(statement)
            for text, _ in self.texts:
                for line in renderer.render(text.encode()).splitlines():
                    connection.query(line)
            for statement in more:
                cursor.execute(statement["sql"], statement["params"])
            found = {}
            for name, statement in self.digest_sql.items():
                cursor.execute(statement)
                found[name] = ["NULL" if value is None else str(value) for value in cursor.fetchone()]
        server.query(f"DROP DATABASE `{database}`")
        return found

    def _tables(self, digests):
        return [
            {"name": name, "rows": int(row[0]), "digest_sql": self.digest_sql[name], "digest": list(row),
             "text_columns": TEXT_COLUMNS.get(name, [])}
            for name, row in digests.items()
        ]  # fmt: skip

    def manifest(self, **more):
        """Return the manifest over the members."""
        tables = self._tables(self.digests)
        changes = {
            "values": ["admin_folder", "domain", "secret.cookie_key", "shop.name"],
            "tables": tables,
            "variants": self.listed,
            "residue": [TEMPLATE_DOMAIN.encode().hex(), b"/home/template/public_html".hex()],
            "entry_points": ["index.php", ".htaccess"],
            "requirements": {
                "disk_bytes": 1_000_000, "inodes": 200, "max_statement_bytes": 65536, "longest_key_bytes": 767,
                "objects": ["foreign_key", "trigger", "view"], "php": {"min": "7.2", "extensions": []},
            },
        }  # fmt: skip
        manifest = small_manifest(self.members, **{**changes, **more})
        for member in manifest["members"]:
            member.update(self.entries[member["name"]])
        return manifest

    def write(self, path, **more):
        """Write the bundle; return the job's pin of it."""
        return write_bundle(path, self.members, self.manifest(**more))

    def changed(self, name, data):
        """Return this bundle with `data` (bytes or what becomes JSON) as the content of member `name`."""
        other = copy.copy(self)
        kind, filled, _ = self.members[name]
        other.members = {**self.members, name: (kind, filled, packed(data))}
        entry = dict(self.entries[name])
        if "unpacked" in entry:
            entry["unpacked"] = len(data)
        other.entries = {**self.entries, name: entry}
        return other
