"""Builds the queries that prove a table's content: digests per column with filled cells masked, and reads of cells."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from controller.bundles.source.database.snapshot import (
    BINARY,
    CHOICES,
    GEOMETRY,
    NUMBERS,
    PLAIN_KEYS,
    TEXT,
    Column,
    Table,
    key_text,
    order_of,
)
from controller.bundles.source.servers.connections import Row, name, text

#: A row's key as the server prints it (`key_text` of each key column).
Key = tuple[bytes, ...]
#: Column -> keys of the rows whose cell depends on a job's values.
Masks = dict[str, list[Key]]
#: A column with more masked rows than this is left out of the digest.
MAX_MASKED_ROWS = 200
#: Cells read back by one query.
CELLS_PER_QUERY = 100
#: Bytes of the templates of one query's cells: the reader holds one query's cells in memory at a time.
CELL_BYTES_PER_QUERY = 1024 * 1024


@dataclass(frozen=True)
class Cells:
    """Filled cells of one column: their rows' keys in the table's order, and the template of each."""

    table: str
    column: str
    keys: tuple[Key, ...]
    templates: tuple[bytes | None, ...]


def digest_columns(table: Table) -> list[Column]:
    """Return the columns whose content every server prints in the same way."""
    return [c for c in table.columns if not c.generated and not c.approximate and c.kind not in GEOMETRY]


def text_columns(table: Table) -> list[str]:
    """Return the columns that can hold text, and so a trace of the template."""
    return [c.name for c in table.columns if c.kind in TEXT | BINARY | CHOICES]


def digest_sql(table: Table, masks: Masks, leave_out: Iterable[str] = ()) -> str:
    """Return the SELECT of COUNT(*), then BIT_XOR and SUM of CRC32 per column; masked cells count as NULL."""
    terms = ["COUNT(*)"]
    out = set(leave_out)
    for column in digest_columns(table):
        keys = masks.get(column.name, [])
        if column.name in out or len(keys) > MAX_MASKED_ROWS or (keys and not table.key):
            continue
        value = name(column.name) + ("+0" if column.kind == "bit" else "")
        if keys:
            value = f"IF({condition(table, keys)}, NULL, {value})"
        terms += [f"BIT_XOR(CRC32({value}))", f"SUM(CRC32({value}))"]
    return f"SELECT {', '.join(terms)} FROM {name(table.name)}"


def digest_row(row: Row) -> list[str]:
    """Return a digest's row as the texts kept in the manifest."""
    return [text(value) for value in row]


def condition(table: Table, keys: Sequence[Key]) -> str:
    """Return the SQL condition that selects the rows of `keys`."""
    columns = table.key_columns()
    left = [key_text(column) for column in columns]
    rows = [[_literal(column, part) for column, part in zip(columns, key, strict=True)] for key in keys]
    if len(left) == 1:
        return f"{left[0]} IN ({','.join(row[0] for row in rows)})"
    return f"({','.join(left)}) IN ({','.join('(' + ','.join(row) + ')' for row in rows)})"


def cells_sql(table: Table, column: str, keys: Sequence[Key]) -> str:
    """Return the SELECT that reads the cells of `column` in the rows of `keys`, in the table's order."""
    return f"SELECT {name(column)} FROM {name(table.name)} WHERE {condition(table, keys)} ORDER BY {order_of(table)}"


def by_query(cells: Iterable[tuple[Key, bytes | None]]) -> Iterator[list[tuple[Key, bytes | None]]]:
    """Yield the (key, template) pairs in order, grouped by the query that reads them; a large cell is alone."""
    part: list[tuple[Key, bytes | None]] = []
    size = 0
    for key, template in cells:
        more = len(template or b"")
        if part and (len(part) == CELLS_PER_QUERY or size + more > CELL_BYTES_PER_QUERY):
            yield part
            part, size = [], 0
        part.append((key, template))
        size += more
    if part:
        yield part


def key_of(table: Table, row: Row) -> Key:
    """Return the key of a row of the table's stored columns as `key_text` would print it."""
    names = [column.name for column in table.stored]
    parts = []
    for column in table.key_columns():
        value = row[names.index(column.name)]
        assert value is not None
        parts.append(value if column.kind in PLAIN_KEYS else value.hex().upper().encode("ascii"))
    return tuple(parts)


def differing_sql(table: Table, column: str, left: str, right: str) -> str:
    """Return the SELECT of the keys whose cell of `column` differs between databases `left` and `right`."""
    keys = ", ".join(key_text(part, "a.") for part in table.key_columns())
    joined = " AND ".join(f"a.{name(part)} = b.{name(part)}" for part in table.key)
    return (
        f"SELECT {keys} FROM {name(left)}.{name(table.name)} a JOIN {name(right)}.{name(table.name)} b ON {joined}"
        f" WHERE NOT (BINARY a.{name(column)} <=> BINARY b.{name(column)}) ORDER BY {keys}"
    )


def _literal(column: Column, value: bytes) -> str:
    shown = value.decode("ascii")
    return shown if column.kind in NUMBERS else f"'{shown}'"
