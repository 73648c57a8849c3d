"""Determines the collations of a bundle's tables, and for each the fallbacks under which no key breaks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from controller.bundles.source.database.schema import Definition, mapped
from controller.bundles.source.database.snapshot import Column, Table
from controller.bundles.source.servers.connections import Connection, Refused, name, text

_USED = """
    SELECT COLLATION_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND COLLATION_NAME IS NOT NULL
    UNION SELECT TABLE_COLLATION FROM information_schema.TABLES
    WHERE TABLE_SCHEMA = DATABASE() AND TABLE_COLLATION IS NOT NULL"""
# Columns and character sets are joined here: servers join views of information_schema row by row
_KEY_PARTS = """
    SELECT TABLE_NAME, INDEX_NAME, COLUMN_NAME, SUB_PART, NON_UNIQUE, INDEX_TYPE
    FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE() ORDER BY 1, 2, SEQ_IN_INDEX"""
_WIDTHS = "SELECT CHARACTER_SET_NAME, MAXLEN FROM information_schema.CHARACTER_SETS"
_WITHOUT_LENGTH = ("FULLTEXT", "SPATIAL")
#: Bytes of a key column that is neither text nor binary.
_NUMBER_BYTES = 8
#: Known under this name by every server since MySQL 5.7 and MariaDB 10.2.
_EVERYWHERE = re.compile(
    r"(utf8mb4|utf8|latin1|latin2|cp1250|cp1251|cp1256|greek|hebrew|ascii)_"
    r"(bin|general_ci|unicode_ci|unicode_520_ci|swedish_ci|persian_ci|turkish_ci)\Z"
)
#: Suffix after the character set -> possible replacements, best first.
_SUBSTITUTES: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...] = (
    (re.compile(r"(uca1400|0900)_.*as_c[si]\Z|0900_bin\Z|nopad_bin\Z|uca1400_nopad_as_c[si]\Z"), ("bin",)),
    (re.compile(r"(uca1400|0900)_"), ("unicode_520_ci", "unicode_ci", "general_ci")),
    (re.compile(r"unicode_520_nopad_ci\Z"), ("unicode_520_ci", "unicode_ci")),
    (re.compile(r"unicode_nopad_ci\Z"), ("unicode_ci", "unicode_520_ci")),
    (re.compile(r"general_nopad_ci\Z"), ("general_ci",)),
    (re.compile(r"general1400_as_ci\Z"), ("general_ci",)),
    (re.compile(r"unicode_520_ci\Z"), ("unicode_ci", "general_ci")),
)


def used(connection: Connection) -> list[str]:
    """Return the collations of the database's columns and tables, sorted."""
    return sorted(connection.names(_USED))


def longest_key_bytes(connection: Connection, tables: Mapping[str, Table]) -> int:
    """Return the size in bytes of the longest indexed column (or its indexed prefix) of `tables`."""
    widths = {text(charset): int(width or 1) for charset, width in connection.rows(_WIDTHS)}
    found = [
        int(part.prefix) * widths.get(part.column.charset or "", 1) if part.prefix else part.column.octets
        for part in _key_parts(connection, tables)
        if part.kind not in _WITHOUT_LENGTH
    ]
    return max((size or _NUMBER_BYTES for size in found), default=0)


def candidates(collation: str) -> list[str]:
    """Return the possible fallbacks for `collation`, best first."""
    charset, _, rest = collation.partition("_")
    # MariaDB before 10.6 and MySQL before 8.0.30 know utf8mb3 only as utf8
    charsets = [charset, "utf8"] if charset == "utf8mb3" else [charset]
    found = [f"{other}_{rest}" for other in charsets[1:] if not rest.startswith("uca1400")]
    for pattern, substitutes in _SUBSTITUTES:
        if pattern.match(rest):
            found += [f"{one}_{substitute}" for substitute in substitutes for one in charsets]
            break
    return found


def fallbacks(
    loaded: Connection, trial: Connection, definitions: dict[str, Definition], tables: Mapping[str, Table]
) -> tuple[dict[str, list[str]], list[str]]:
    """Return (collation -> fallbacks under which every table can be made and no unique key has a duplicate, refused).

    `loaded` is the database with the bundle's `tables`, `trial` an empty one. A refused pair is named "old -> new".
    """
    trials = _Trials(loaded, trial, definitions, tables, _unique_keys(loaded, tables))
    safe: dict[str, list[str]] = {}
    refused: list[str] = []
    for collation in used(loaded):
        safe[collation] = []
        if _EVERYWHERE.match(collation):
            continue
        for candidate in candidates(collation):
            if trials.can_stand_in(collation, candidate):
                safe[collation].append(candidate)
            else:
                refused.append(f"{collation} -> {candidate}")
    return safe, refused


@dataclass(frozen=True)
class _Part:
    """One column of one key; `prefix` is how many of its characters are indexed, None for all."""

    table: str
    key: str
    column: Column
    prefix: str | None
    unique: bool
    kind: str


@dataclass(frozen=True)
class _Trials:
    """Trials of fallbacks in the empty database `trial`; `loaded` holds the bundle's `tables`, with unique `keys`."""

    loaded: Connection
    trial: Connection
    definitions: dict[str, Definition]
    tables: Mapping[str, Table]
    keys: dict[str, list[list[_Part]]]

    def can_stand_in(self, collation: str, candidate: str) -> bool:
        """Return whether every table can be made with `candidate`, and no unique key has a duplicate then."""
        try:
            tried = set()
            self.trial.query(f"SELECT CONVERT('' USING {candidate.partition('_')[0]}) COLLATE {candidate}")
            for table in self.tables:
                touched = [key for key in self.keys.get(table, []) if _has_collation(key, collation)]
                if not touched:
                    continue
                create = mapped(self.definitions[table].create, collation, candidate)
                columns = create.partition("(")[2]
                if columns not in tried:
                    # Many tables of a large database differ only in their name
                    tried.add(columns)
                    self.trial.query(create)
                    self.trial.query(f"DROP TABLE {name(table)}")
                if any(_has_duplicate(self.loaded, table, key, collation, candidate) for key in touched):
                    return False
        except Refused:
            # The scratch server does not know it, or the keys do not fit: this fallback is not proved safe
            return False
        return True


def _has_collation(key: list[_Part], collation: str) -> bool:
    return any(part.column.collation == collation for part in key)


def _has_duplicate(connection: Connection, table: str, key: list[_Part], collation: str, candidate: str) -> bool:
    terms, columns = [], []
    for part in key:
        column, own = name(part.column.name), part.column.collation
        term = f"LEFT({column}, {part.prefix})" if part.prefix and own else column
        terms.append(f"{term} COLLATE {candidate}" if own == collation else term)
        columns.append(f"{column} IS NOT NULL")
    sql = f"SELECT 1 FROM {name(table)} WHERE {' AND '.join(columns)} GROUP BY {', '.join(terms)} HAVING COUNT(*) > 1"
    return bool(connection.rows(sql + " LIMIT 1"))


def _unique_keys(connection: Connection, tables: Mapping[str, Table]) -> dict[str, list[list[_Part]]]:
    grouped: dict[tuple[str, str], list[_Part]] = {}
    for part in _key_parts(connection, tables):
        if part.unique:
            grouped.setdefault((part.table, part.key), []).append(part)
    keys: dict[str, list[list[_Part]]] = {}
    for (table, _), parts in grouped.items():
        keys.setdefault(table, []).append(parts)
    return keys


def _key_parts(connection: Connection, tables: Mapping[str, Table]) -> Iterator[_Part]:
    """Yield the columns of all keys of `tables` in order; skip expressions, which are not columns."""
    columns = {(table.name, column.name): column for table in tables.values() for column in table.columns}
    for row in connection.rows(_KEY_PARTS):
        table, key, column, prefix, loose, kind = (None if cell is None else text(cell) for cell in row)
        found = columns.get((table or "", column or ""))
        if found is not None:
            yield _Part(table or "", key or "", found, prefix, loose == "0", kind or "")
