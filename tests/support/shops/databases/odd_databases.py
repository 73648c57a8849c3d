"""Databases of every oddity, made up from a seed, and what two copies of one must have in common."""

import contextlib
import random
import re
import subprocess

#: Names that need quoting, each in its own way.
NAMES = [
    "plain",
    "two words",
    "back`tick",
    "select",
    "semi;colon",
    "dash--es",
    "slash/*star",
    "نام",
    "quo'te",
    'dou"ble',
]
ENGINES = ["InnoDB"] * 3 + ["MyISAM", "Aria"]
#: In text: everything that ends, escapes or comments something out.
BITS = [
    "'", '"', "`", "\\", ";", ";;", "$$", "--", "-- ", "#", "/*", "*/", "/*!50000 ", "/*M!", "\n", "\r\n", "\t", "\0",
    "\x1a", "DELIMITER ;;\n", "INSERT INTO `x` VALUES (1);", "%s", "@@SL", "é", "فروشگاه", "\u200c", "a", "Z", "0", " ",
    "''", "\\'",
]  # fmt: skip
WIDE = ["🛒", "🎉", "\U0010fffd"]
#: No UTF-8, each in its own way: cut, overlong, a surrogate, beyond the end.
BROKEN = [b"\xc3", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xff\xfe", b"\xf0\x9f\x9b"]
DATES = ["0000-00-00", "2015-00-10", "2015-12-00", "1000-01-01", "9999-12-31", "2024-02-29"]
TIMES = ["00:00:00", "23:59:59"]
CODE = """
CREATE VIEW `a view` AS SELECT 1 AS `one;`, '/* no */ -- comment' AS `text`;
CREATE VIEW `a later view` AS SELECT `one;` FROM `a view`;
CREATE TRIGGER `wakes` BEFORE INSERT ON {table} FOR EACH ROW BEGIN SET @seen = CONCAT('a;;b', "c;", '$$');
 IF @seen IS NULL THEN SET @seen = '-- '; END IF; END;
CREATE FUNCTION `two words`(a int) RETURNS varchar(40) CHARSET utf8mb4 DETERMINISTIC BEGIN
 DECLARE found varchar(40) DEFAULT ';; -- /* #'; RETURN CONCAT(found, a, '\\'', '"', '`'); END;
CREATE PROCEDURE `does;it`(OUT n int) COMMENT 'it''s; a -- comment' BEGIN SELECT 1 INTO n; END
"""


class Odd:
    """Makes a database on `server` (a MariaDB) from `seed`; `name` is what it is called."""

    def __init__(self, server, seed, generated=True):
        self.server = server
        self.generated = generated
        self.random = random.Random(seed)
        self.name = server.new_database()[0]
        connection = server.root_connection(self.name)
        with connection, connection.cursor() as cursor:
            mode = "NO_AUTO_VALUE_ON_ZERO,STRICT_ALL_TABLES"
            cursor.execute(f"SET sql_mode='{mode}', time_zone='+00:00', foreign_key_checks=0")
            names = self.random.sample(NAMES, 3)
            for name in names:
                for statement in self._table(name):
                    cursor.execute(statement)
            # What PyMySQL sends as one statement the server takes as one, whatever stands in it
            for statement in re.split(r";\n(?=CREATE)", CODE.format(table=quoted(names[0])).strip()):
                cursor.execute(statement)

    def _table(self, name):
        """Yield the statements that make one table with its rows."""
        pick = self.random
        kinds = [kind for kind in KINDS if pick.random() < 0.7] or ["text"]
        charset = pick.choice(["utf8mb4", "utf8mb4", "latin1", "binary"])
        columns = ["id int NOT NULL"]
        columns += [f"{quoted(f'{kind} {pick.choice(NAMES)}')} {KINDS[kind][0]}" for kind in kinds]
        if self.generated:
            columns += ["twice int AS (id * 2) STORED", "thrice int AS (id * 3) VIRTUAL"]
        columns.append("PRIMARY KEY (id)")
        made = f"ENGINE={pick.choice(ENGINES)} DEFAULT CHARSET={charset} COMMENT 'it''s; -- a /* comment'"
        yield f"CREATE TABLE {quoted(name)} ({', '.join(columns)}) {made}"
        for number in range(pick.randrange(1, 30)):
            values = [
                str(number * 3),
                *(KINDS[kind][1](pick, charset) if pick.random() < 0.85 else "NULL" for kind in kinds),
            ]
            listed = ", ".join(["id", *(f"{part.rpartition('`')[0]}`" for part in columns[1 : 1 + len(kinds)])])
            yield f"INSERT INTO {quoted(name)} ({listed}) VALUES ({', '.join(values)})"

    def dump(self, *options):
        """Return what mariadb-dump makes of it, with routines and triggers."""
        command = [
            "mariadb-dump",
            "--no-defaults",
            "-uroot",
            f"--socket={self.server.socket}",
            "--routines",
            "--triggers",
        ]
        command += ["--max-allowed-packet=256M", *options, self.name]
        return subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout

    def drop(self):
        """Neither database nor user is left."""
        self.server.query(f"DROP DATABASE `{self.name}`")
        self.server.query(f"DROP USER `{self.name}`@localhost")


def quoted(name):
    """Return a name as SQL quotes it."""
    return "`" + name.replace("`", "``") + "`"


def literal(data):
    """Return bytes as a hexadecimal literal."""
    return f"x'{data.hex()}'"


def _text(pick, charset):
    bits = BITS + (WIDE if charset == "utf8mb4" else [])
    text = "".join(pick.choice(bits) for _ in range(pick.randrange(12)))
    if charset == "latin1":
        text = text.encode("cp1252", "ignore").decode("cp1252")
    return f"CONVERT({literal(text.encode())} USING utf8mb4)"


def _bytes(pick, _charset):
    parts = [
        pick.choice([*BROKEN, bytes([pick.randrange(256)]), pick.choice(BITS).encode()])
        for _ in range(pick.randrange(20))
    ]
    return literal(b"".join(parts))


def _json(pick, _charset):
    text = "".join(
        pick.choice(["a", "é", "\\u0000", "\\n", '\\"', "'", ";", "/*", "🛒", "\\\\"]) for _ in range(pick.randrange(8))
    )
    document = '{"k": ["' + text + '", 1e3, null]}'
    return f"CONVERT({literal(document.encode())} USING utf8mb4)"


#: kind -> (its type, a function that gives a literal of it).
KINDS = {
    "text": ("text", _text),
    "char": ("varchar(200)", _text),
    "blob": ("longblob", _bytes),
    "bytes": ("varbinary(200)", _bytes),
    "json": ("json", _json),
    "date": ("date", lambda pick, _: f"'{pick.choice(DATES)}'"),
    "moment": ("datetime(3)", lambda pick, _: f"'{pick.choice(DATES)} {pick.choice(TIMES)}.{pick.randrange(1000):03}'"),
    "stamp": (
        "timestamp NULL",
        lambda pick, _: pick.choice(["'0000-00-00 00:00:00'", "'1970-01-01 00:00:01'", "'2038-01-19 03:14:07'"]),
    ),
    "time": ("time(6)", lambda pick, _: pick.choice(["'-838:59:59'", "'00:00:00.000001'", "'838:59:59.999999'"])),
    "year": ("year", lambda pick, _: pick.choice(["0", "1901", "2155"])),
    "number": ("bigint unsigned", lambda pick, _: str(pick.choice([0, 1, 2**63, 2**64 - 1]))),
    "exact": ("decimal(65,30)", lambda pick, _: pick.choice(["-0.5", "1" * 35 + "." + "9" * 30, "0"])),
    "double": (
        "double",
        lambda pick, _: pick.choice(["1.7976931348623157e308", "-2.2250738585072014e-308", "0.1", "-0.0"]),
    ),
    "bits": ("bit(13)", lambda pick, _: f"b'{pick.randrange(1 << 13):b}'"),
    "choice": ("enum('a','','it''s','x;y')", lambda pick, _: pick.choice(["'a'", "''", "'it''s'", "'x;y'"])),
    "several": ("set('a','b;','c')", lambda pick, _: pick.choice(["''", "'a,c'", "'b;'"])),
}


def client(server, database, script, *options):
    """Import `script` (bytes) as an administrator would."""
    command = ["mariadb", "--no-defaults", "-uroot", f"--socket={server.socket}", "--default-character-set=utf8mb4"]
    subprocess.run([*command, "--max-allowed-packet=256M", *options, database], input=script, check=True)


def checksum(server, database, table):
    """Return `CHECKSUM TABLE`; where columns are virtual, of a copy in which all are stored: there the server's own sum
    takes in bits that nobody has set, and differs between two imports of one dump by the client (MariaDB 11.8)."""
    with contextlib.closing(server.root_connection(database)) as connection, connection.cursor() as cursor:
        if cursor.execute(f"SHOW COLUMNS FROM {quoted(table)} WHERE Extra LIKE '%VIRTUAL%'"):
            cursor.execute("SET sql_mode=''")
            cursor.execute(f"CREATE TEMPORARY TABLE `stored copy` ENGINE=MyISAM SELECT * FROM {quoted(table)}")
            table = "stored copy"
        cursor.execute(f"CHECKSUM TABLE {quoted(table)}")
        return cursor.fetchone()[1]


def picture(server, database):
    """Return what two copies of a database must have in common: checksum and definition of every table, all code."""
    found = {}
    for name, kind in server.query("SHOW FULL TABLES", database=database):
        made = "VIEW" if kind == "VIEW" else "TABLE"
        found[made, name] = server.query(f"SHOW CREATE {made} {quoted(name)}", database=database)[0][1]
        if made == "TABLE":
            found["CHECKSUM", name] = checksum(server, database, name)
    for kind, column, place in (("TRIGGERS", "TRIGGER", "TRIGGER_SCHEMA"), ("ROUTINES", "ROUTINE", "ROUTINE_SCHEMA")):
        what = "'TRIGGER'" if kind == "TRIGGERS" else "ROUTINE_TYPE"
        listed = f"SELECT {what}, {column}_NAME FROM information_schema.{kind} WHERE {place} = DATABASE()"
        for made, name in server.query(listed, database=database):
            found[made, name] = server.query(f"SHOW CREATE {made} {quoted(name)}", database=database)[0][2]

    def same(text):
        """Whose it is may differ: the packer gives it to the user who runs it."""
        return re.sub(r"DEFINER=`[^`]*`@`[^`]*`", "", text.replace(database, "it"))

    return {key: same(value) if isinstance(value, str) else value for key, value in found.items()}
