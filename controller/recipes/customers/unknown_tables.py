"""Finds e-mail addresses of people other than the owner in the packed rows, at a bounded cost."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any

from controller.recipes.base import TemplateDatabase

#: Rows of a table to search, and rows with an address to read.
_LOOKED_AT = 50_000
_READ = 200
_KINDS = frozenset({"char", "varchar"})
_LONGEST = 512
_ADDRESS = re.compile(rb"[^\s@<>,;:/\\]+@[^\s@<>,;:/\\]+\.[A-Za-z]{2,}")
#: The same within other text.
_WITHIN = re.compile(rb"[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}")
#: Reserved for examples, or used by nobody.
_NOBODY = re.compile(r"@(?:.+\.)?example\.(?:com|org|net)$|^anonymous@psgdpr\.com$")


def places(
    database: TemplateDatabase,
    tables: Collection[str],
    condition_of: Callable[[str], str | None],
    own: Collection[str],
) -> list[str]:
    """Return a sentence for each column of `tables` that holds addresses of strangers.

    `own` are the owner's addresses and hosts (lower case): they become the new shop's.
    """
    found = []
    for table in sorted(tables):
        condition = condition_of(table)
        columns = [] if condition is None else list(_columns(database.tables[table]))
        if columns:
            found += _in_table(database, table, columns, condition or "", own)
    return found


def names_of_values(values: Iterable[tuple[str, bytes]], own: Collection[str]) -> list[str]:
    """Return the names of settings whose values, in any format, hold addresses of strangers."""
    found = ((name, value) for name, value in values if b"@" in value)
    return sorted(name for name, value in found if any(is_strangers(one, own) for one in _WITHIN.findall(value)))


def _columns(table: Any) -> Iterator[str]:
    for column in table.columns:
        if getattr(column, "kind", "") in _KINDS and column.characters <= _LONGEST:
            yield column.name


def _in_table(
    database: TemplateDatabase, table: str, columns: list[str], condition: str, own: Collection[str]
) -> list[str]:
    shown = ", ".join(f"`{column}`" for column in columns)
    where = f" WHERE {condition}" if condition else ""
    like = " OR ".join(f"`{column}` LIKE '%_@_%._%'" for column in columns)
    looked_at = f"SELECT {shown} FROM `{table}`{where} LIMIT {_LOOKED_AT}"
    rows = database.query(f"SELECT {shown} FROM ({looked_at}) AS looked_at WHERE {like} LIMIT {_READ}")
    counted = {
        column: sum(is_strangers(row[place], own) for row in rows) for place, column in enumerate(columns)
    }  # fmt: skip
    return [
        f"{table}.{column}: {count}{' or more' if len(rows) == _READ else ''} e-mail addresses of others"
        for column, count in counted.items()
        if count
    ]


def names_strangers(cell: bytes, own: Collection[str], least: int = 1) -> bool:
    """Return whether a value holds at least so many real e-mail addresses other than the owner's: alone, among others
    or with a name."""
    return sum(is_strangers(one, own) for one in {cell, *_WITHIN.findall(cell)}) >= least


def is_strangers(cell: bytes | None, own: Collection[str]) -> bool:
    """Return whether a value is a real e-mail address other than the owner's."""
    if cell is None or not _ADDRESS.fullmatch(cell.strip()):
        return False
    address = cell.strip().decode("utf-8", "replace").lower()
    return address not in own and address.rpartition("@")[2] not in own and not _NOBODY.search(address)
