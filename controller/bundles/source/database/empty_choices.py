"""Lists empty values of ENUM columns that do not list them: older servers stored them, strict ones refuse them.

A server that is not strict stores an invalid choice as the empty text with the number 0. PrestaShop 1.7.8 removed ''
from the choices of `redirect_type` and left such products behind. The empty text is added as the last choice: the
stored value stays, and so do the numbers of the other choices.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from controller.bundles.source.database.snapshot import Source, Table
from controller.bundles.source.servers.connections import Connection, Refused, Row, name, text

_CHOICE = r"'(?:[^'\\]|''|\\.)*+'"
_COLUMN = re.compile(r"^(\s*`((?:[^`]|``)+)` enum\()(" + _CHOICE + "(?:," + _CHOICE + r")*+)(\).*?)(,?)$", re.MULTILINE)
_TARGET = re.compile(
    rb"(\A\s*(?:INSERT|REPLACE)\s+(?:(?:DELAYED|LOW_PRIORITY|IGNORE)\s+)*(?:INTO\s+)?)"
    rb"(?:`(?:[^`]|``)+`|\"[^\"]+\"|[^\s(`\"]+)",
    re.IGNORECASE,
)
_TWIN = "shoplaunch_twin"
#: Variables that `SET NAMES` sets, and those that decide how statements are read and definitions written.
_SPOKEN = (
    "character_set_client", "character_set_results", "collation_connection", "sql_mode", "sql_quote_show_create"
)  # fmt: skip
#: WARN_DATA_TRUNCATED.
_CUT = b"1265"
_CUT_COLUMN = re.compile(r"for column '(.*)' at row [0-9]+\Z", re.DOTALL)


def of(create: str) -> list[str]:
    """Return the ENUM columns in a CREATE text that do not list the empty value."""
    return [_plain(found.group(2)) for found in _COLUMN.finditer(create) if not _lists_empty(found)]


def held(source: Source, table: Table, create: str) -> list[str]:
    """Return those of a table's columns that hold the empty value without listing it."""
    columns = of(create)
    if not columns:
        return []
    asked = ", ".join(f"MAX({name(column)} + 0 = 0)" for column in columns)
    (row,) = source.query(f"SELECT {asked} FROM {name(table.name)}")
    return [column for column, value in zip(columns, row, strict=True) if value == b"1"]


def listed(create: str, columns: Collection[str]) -> str:
    """Return a CREATE text in which `columns` list the empty value as the last choice."""

    def more(found: re.Match[str]) -> str:
        if _plain(found.group(2)) not in columns:
            return found.group()
        return "".join((found.group(1), found.group(3), ",''", found.group(4), found.group(5)))

    return _COLUMN.sub(more, create)


def note(table: str, columns: Collection[str]) -> str:
    """Return the sentence for the report."""
    return f"{table}.{', '.join(sorted(columns))}: '' is in rows and not among the choices: it becomes the last one"


def is_all_lost(connection: Connection, table: str, insert: bytes) -> bool:
    """Return whether the values that the last statement, `insert`, lost are all such empty values.

    Its warnings must all be about ENUM columns, and a twin of the table that lists the empty value must lose nothing.
    """
    warned = connection.rows("SHOW WARNINGS")
    count = int(connection.one("SHOW COUNT(*) WARNINGS")[0] or 0)
    with own_language(connection):
        create = text(connection.one(f"SHOW CREATE TABLE {name(table)}")[1])
        columns = of(create)
        is_free = not connection.rows("SHOW TRIGGERS WHERE `Table` = %s", (table,))
    are_known = len(warned) == count and all(_is_cut(row, columns) for row in warned)
    if not (columns and is_free and are_known and _TARGET.match(insert)):
        return False
    try:
        with own_language(connection):
            _make_twin(connection, table, create, columns)
        connection.query(_TARGET.sub(lambda found: found.group(1) + name(_TWIN).encode(), insert, count=1))
        return not (connection.warning_count and connection.warnings())
    except Refused:
        return False
    finally:
        connection.query(f"DROP TABLE IF EXISTS {name(_TWIN)}")


@contextmanager
def own_language(connection: Connection) -> Iterator[None]:
    """Use UTF-8 and plain SQL within the context, whatever the dump has set."""
    connection.query(f"SET {', '.join(f'@shoplaunch_{one}=@@{one}' for one in _SPOKEN)}")
    connection.query("SET NAMES utf8mb4, sql_mode='', sql_quote_show_create=1")
    try:
        yield
    finally:
        connection.query(f"SET {', '.join(f'{one}=@shoplaunch_{one}' for one in _SPOKEN)}")


def _make_twin(connection: Connection, table: str, create: str, columns: Collection[str]) -> None:
    wider = [
        found.group().strip().removesuffix(",")
        for found in _COLUMN.finditer(listed(create, columns))
        if _plain(found.group(2)) in columns
    ]
    connection.query(f"CREATE TABLE {name(_TWIN)} LIKE {name(table)}")
    connection.query(f"ALTER TABLE {name(_TWIN)} {', '.join('MODIFY ' + one for one in wider)}")


def _is_cut(warning: Row, columns: Collection[str]) -> bool:
    """Return whether a warning is a note, or about a value of `columns`."""
    if warning[0] == b"Note":
        return True
    found = _CUT_COLUMN.search((warning[2] or b"").decode("utf-8", "replace"))
    return warning[1] == _CUT and found is not None and found.group(1).rpartition("`.`")[2].strip("`") in columns


def _lists_empty(column: re.Match[str]) -> bool:
    return "''" in re.findall(_CHOICE, column.group(3))


def _plain(quoted: str) -> str:
    return quoted.replace("``", "`")
