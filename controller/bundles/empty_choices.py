"""Empty values in columns of choices (ENUM) that do not list them: older servers stored them, strict ones refuse them.

A server that is not strict keeps what is no choice as the empty text with the number 0. PrestaShop 1.7.8 took '' out of
the choices of `redirect_type` and left such products behind. The empty text becomes the last choice: the value stays
what it is, and so do the numbers of the others.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from controller.bundles.connections import Connection, Refused, name, text
from controller.bundles.source import Source, Table

_COLUMN = re.compile(r"^(\s*`((?:[^`]|``)+)` enum\()((?:'(?:[^'\\]|''|\\.)*',?)+)(\).*?)(,?)$", re.MULTILINE)
_EMPTY = re.compile(r"(?:^|,)''(?:,|$)")
_TARGET = re.compile(
    rb"(\A(?:\s|/\*.*?\*/|(?:--|#)[^\n]*\n)*(?:INSERT|REPLACE)\s+(?:(?:DELAYED|LOW_PRIORITY|IGNORE)\s+)*(?:INTO\s+)?)"
    rb"(?:`(?:[^`]|``)+`|[^\s(`]+)",
    re.IGNORECASE | re.DOTALL,
)
_TWIN = "shoplaunch_twin"


def of(create: str) -> list[str]:
    """Return the columns of choices in a CREATE text that do not list the empty one."""
    return [_plain(found.group(2)) for found in _COLUMN.finditer(create) if not _EMPTY.search(found.group(3))]


def held(source: Source, table: Table, create: str) -> list[str]:
    """Return those of a table's columns that hold the empty value without listing it."""
    columns = of(create)
    if not columns:
        return []
    asked = ", ".join(f"MAX({name(column)} + 0 = 0)" for column in columns)
    (row,) = source.query(f"SELECT {asked} FROM {name(table.name)}")
    return [column for column, value in zip(columns, row, strict=True) if value == b"1"]


def listed(create: str, columns: Collection[str]) -> str:
    """Return a CREATE text in which `columns` list the empty value, as the last."""

    def more(found: re.Match[str]) -> str:
        if _plain(found.group(2)) not in columns:
            return found.group()
        return "".join((found.group(1), found.group(3), ",''", found.group(4), found.group(5)))

    return _COLUMN.sub(more, create)


def note(table: str, columns: Collection[str]) -> str:
    """Return the sentence for the report."""
    return f"{table}.{', '.join(sorted(columns))}: '' is in rows and not among the choices: it becomes the last one"


def is_all_lost(connection: Connection, table: str, insert: bytes) -> bool:
    """Tell whether all that a statement lost are such values: a twin of the table that lists them loses nothing."""
    create = text(connection.one(f"SHOW CREATE TABLE {name(table)}")[1])
    columns = of(create)
    if not columns or _TARGET.match(insert) is None:
        return False
    wider = [
        found.group().strip().removesuffix(",")
        for found in _COLUMN.finditer(listed(create, columns))
        if _plain(found.group(2)) in columns
    ]
    connection.query(f"CREATE TABLE {name(_TWIN)} LIKE {name(table)}")
    try:
        connection.query(f"ALTER TABLE {name(_TWIN)} {', '.join('MODIFY ' + one for one in wider)}")
        connection.query(_TARGET.sub(lambda found: found.group(1) + name(_TWIN).encode(), insert, count=1))
        return not (connection.warning_count and connection.warnings())
    except Refused:
        return False
    finally:
        connection.query(f"DROP TABLE {name(_TWIN)}")


def _plain(quoted: str) -> str:
    return quoted.replace("``", "`")
