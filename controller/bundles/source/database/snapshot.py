"""Reads the template's database in one snapshot: its tables, their definitions, their rows in primary-key order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from controller.bundles.source.dumps import dump, sql_judge
from controller.bundles.source.servers.connections import Connection, Row, name, text
from shared.errors import ShoplaunchError

NUMBERS = frozenset({"tinyint", "smallint", "mediumint", "int", "bigint", "decimal"})
APPROXIMATE = frozenset({"float", "double"})
TIMES = frozenset({"date", "time", "datetime", "timestamp", "year"})
BINARY = frozenset({"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"})
TEXT = frozenset({"char", "varchar", "tinytext", "text", "mediumtext", "longtext", "json"})
CHOICES = frozenset({"enum", "set"})
GEOMETRY = frozenset(
    {"geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon"}
    | {"geometrycollection", "geomcollection"}
)
#: Kinds whose text orders and compares the same everywhere.
PLAIN_KEYS = NUMBERS | TIMES

_COLUMNS = """
    SELECT TABLE_NAME, COLUMN_NAME, DATA_TYPE, CHARACTER_SET_NAME, COLLATION_NAME, EXTRA, IS_NULLABLE,
           CHARACTER_OCTET_LENGTH, CHARACTER_MAXIMUM_LENGTH
    FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() ORDER BY TABLE_NAME, ORDINAL_POSITION"""
_UNIQUE_KEYS = """
    SELECT TABLE_NAME, INDEX_NAME, COLUMN_NAME, NULLABLE, SUB_PART
    FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE() AND NON_UNIQUE = 0
    ORDER BY TABLE_NAME, INDEX_NAME <> 'PRIMARY', INDEX_NAME, SEQ_IN_INDEX"""
_FULL_TABLES = "SHOW FULL TABLES"
_SIZE = "SELECT SUM(DATA_LENGTH + INDEX_LENGTH) FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()"
_ROUTINES = """
    SELECT ROUTINE_TYPE, ROUTINE_NAME FROM information_schema.ROUTINES
    WHERE ROUTINE_SCHEMA = DATABASE() ORDER BY ROUTINE_TYPE, ROUTINE_NAME"""
_TRIGGERS = """
    SELECT TRIGGER_NAME FROM information_schema.TRIGGERS
    WHERE TRIGGER_SCHEMA = DATABASE() ORDER BY EVENT_OBJECT_TABLE, ACTION_TIMING, EVENT_MANIPULATION, ACTION_ORDER"""


@dataclass(frozen=True)
class Column:
    """One column; `kind` is the data type in lower case."""

    name: str
    kind: str
    charset: str | None
    collation: str | None
    generated: bool
    nullable: bool
    octets: int
    characters: int

    @property
    def approximate(self) -> bool:
        """Servers may print the same number differently."""
        return self.kind in APPROXIMATE


@dataclass(frozen=True)
class Table:
    """One table: its columns in order, and those of its primary (or first unique, never null) key, maybe none."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]

    @property
    def stored(self) -> tuple[Column, ...]:
        """The columns into which values can be inserted."""
        return tuple(column for column in self.columns if not column.generated)

    def column(self, wanted: str) -> Column:
        """Return the column named `wanted`. Raises KeyError."""
        for column in self.columns:
            if column.name == wanted:
                return column
        raise KeyError(wanted)

    def key_columns(self) -> tuple[Column, ...]:
        """Return the key's columns."""
        return tuple(self.column(part) for part in self.key)


@dataclass(frozen=True)
class Routine:
    """A view, trigger, procedure or function, without its definer."""

    kind: str
    name: str
    create: str


def key_text(column: Column, prefix: str = "") -> str:
    """Return an SQL expression of a key column that orders and compares in the same way on every server.

    `prefix` is the table's alias with its dot. Text becomes the hexadecimal of its UTF-8 bytes.
    """
    quoted = prefix + name(column.name)
    if column.kind in PLAIN_KEYS:
        return quoted
    return f"HEX({quoted})" if column.kind in BINARY else f"HEX(CONVERT({quoted} USING utf8mb4))"


def order_of(table: Table) -> str:
    """Return the ORDER BY list for a table's fixed row order."""
    columns = table.key_columns() or tuple(c for c in table.columns if not c.generated and c.kind not in GEOMETRY)
    return ", ".join(key_text(column) for column in columns)


class Source:
    """The template's database, read in one consistent snapshot. `notes` say what loading a dump changed."""

    def __init__(self, connection: Connection, notes: Sequence[str] = ()) -> None:
        self._connection = connection
        self.notes = list(notes)
        connection.query("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        connection.query("START TRANSACTION WITH CONSISTENT SNAPSHOT")
        self.tables = read_tables(connection)

    def create_text(self, table: str) -> str:
        """Return the table's CREATE statement. Raises ShoplaunchError `dump_statement_refused`."""
        create = self._connection.one(f"SHOW CREATE TABLE {name(table)}")[1] or b""
        sql_judge.judge_definition("table", table, create)
        return text(create)

    def rows(self, table: Table, where: str = "") -> Iterator[Row]:
        """Yield the stored columns of the rows that satisfy `where` (an SQL condition), in the table's fixed order."""
        columns = ", ".join(_selected(column) for column in table.stored)
        condition = f" WHERE {where}" if where else ""
        yield from self._connection.stream(
            f"SELECT {columns} FROM {name(table.name)}{condition} ORDER BY {order_of(table)}"
        )

    def query(self, sql: str, params: Sequence[str | int] = ()) -> list[Row]:
        """Return the rows of a query; every column is bytes or None."""
        return self._connection.rows(sql, params)

    def count(self, table: str) -> int:
        """Return the number of rows."""
        return int(self._connection.one(f"SELECT COUNT(*) FROM {name(table)}")[0] or 0)

    def size(self) -> int:
        """Return the approximate number of bytes of the tables."""
        return int(self._connection.one(_SIZE)[0] or 0)

    def routines(self) -> list[Routine]:
        """Return functions, procedures, views and triggers, each kind sorted by name.

        Raises ShoplaunchError `dump_statement_refused` for one that could read or write files.
        """
        found: list[Routine] = []
        for kind, routine in self._connection.rows(_ROUTINES):
            found.append(self._routine(text(kind).lower(), text(routine), 2))
        views = [row[0] for row in self._connection.rows(_FULL_TABLES) if row[1] == b"VIEW"]
        found += [self._routine("view", text(view), 1) for view in sorted(views, key=text)]
        found += [self._routine("trigger", trigger, 2) for trigger in self._connection.names(_TRIGGERS)]
        return found

    def _routine(self, kind: str, routine: str, place: int) -> Routine:
        create = self._connection.one(f"SHOW CREATE {kind.upper()} {name(routine)}")[place]
        if create is None:
            raise ShoplaunchError("source_database", f"the account may not read the {kind} {routine}")
        sql_judge.judge_definition(kind, routine, create)
        return Routine(kind, routine, dump.without_definer(create).decode("utf-8"))


def read_tables(connection: Connection) -> dict[str, Table]:
    """Return the base tables of the connection's database by name, sorted by the name's bytes."""
    base = {text(row[0]) for row in connection.rows(_FULL_TABLES) if row[1] == b"BASE TABLE"}
    columns: dict[str, list[Column]] = {}
    for row in connection.rows(_COLUMNS):
        columns.setdefault(text(row[0]), []).append(_column(row))
    keys = _keys(connection)
    tables = {}
    for table in sorted(base, key=lambda found: found.encode("utf-8")):
        unfit = {column.name for column in columns[table] if column.kind in APPROXIMATE | GEOMETRY | {"bit"}}
        key = keys.get(table, ())
        tables[table] = Table(table, tuple(columns[table]), () if unfit & set(key) else key)
    return tables


def _column(row: Row) -> Column:
    _, column, kind, charset, collation, extra, nullable, octets, characters = row
    return Column(
        name=text(column),
        kind=text(kind).lower(),
        charset=text(charset) if charset is not None else None,
        collation=text(collation) if collation is not None else None,
        generated="GENERATED" in text(extra).upper().replace("DEFAULT_GENERATED", ""),
        nullable=nullable == b"YES",
        octets=int(octets or 0),
        characters=int(characters or 0),
    )


def _keys(connection: Connection) -> dict[str, tuple[str, ...]]:
    """Return per table the columns of the primary key, else of the first unique key without NULL and prefix."""
    parts: dict[tuple[str, str], list[Row]] = {}
    for row in connection.rows(_UNIQUE_KEYS):
        parts.setdefault((text(row[0]), text(row[1])), []).append(row)
    keys: dict[str, tuple[str, ...]] = {}
    for (table, index), rows in parts.items():
        usable = all(row[3] != b"YES" and row[2] is not None and (row[4] is None or index == "PRIMARY") for row in rows)
        if usable and table not in keys:
            keys[table] = tuple(text(row[2]) for row in rows)
    return keys


def _selected(column: Column) -> str:
    # Cast to a double, a float prints all its digits
    return f"{name(column.name)}+0e0" if column.kind == "float" else name(column.name)
