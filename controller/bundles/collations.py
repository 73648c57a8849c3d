"""The collations a bundle's tables use, and for each the substitutes under which no key breaks."""

from __future__ import annotations

import re
from collections.abc import Mapping

from controller.bundles.connections import Connection, Refused, name
from controller.bundles.schema import Definition, mapped
from controller.bundles.source import Table

_USED = """
    SELECT COLLATION_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND COLLATION_NAME IS NOT NULL
    UNION SELECT TABLE_COLLATION FROM information_schema.TABLES
    WHERE TABLE_SCHEMA = DATABASE() AND TABLE_COLLATION IS NOT NULL"""
_UNIQUE_PARTS = """
    SELECT s.TABLE_NAME, s.INDEX_NAME, s.COLUMN_NAME, s.SUB_PART, c.COLLATION_NAME
    FROM information_schema.STATISTICS s JOIN information_schema.COLUMNS c
      ON c.TABLE_SCHEMA = s.TABLE_SCHEMA AND c.TABLE_NAME = s.TABLE_NAME AND c.COLUMN_NAME = s.COLUMN_NAME
    WHERE s.TABLE_SCHEMA = DATABASE() AND s.NON_UNIQUE = 0 ORDER BY 1, 2, s.SEQ_IN_INDEX"""
_LONGEST_KEY = """
    SELECT COALESCE(MAX(COALESCE(s.SUB_PART * COALESCE(k.MAXLEN, 1), c.CHARACTER_OCTET_LENGTH, 8)), 0)
    FROM information_schema.STATISTICS s JOIN information_schema.COLUMNS c
      ON c.TABLE_SCHEMA = s.TABLE_SCHEMA AND c.TABLE_NAME = s.TABLE_NAME AND c.COLUMN_NAME = s.COLUMN_NAME
    LEFT JOIN information_schema.CHARACTER_SETS k ON k.CHARACTER_SET_NAME = c.CHARACTER_SET_NAME
    WHERE s.TABLE_SCHEMA = DATABASE() AND s.INDEX_TYPE <> 'FULLTEXT' AND s.INDEX_TYPE <> 'SPATIAL'"""
#: Known under this name by every server since MySQL 5.7 and MariaDB 10.2.
_EVERYWHERE = re.compile(
    r"(utf8mb4|utf8|latin1|latin2|cp1250|cp1251|cp1256|greek|hebrew|ascii)_"
    r"(bin|general_ci|unicode_ci|unicode_520_ci|swedish_ci|persian_ci|turkish_ci)\Z"
)
#: What stands after the character set -> what may stand in for it, best first.
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


def longest_key_bytes(connection: Connection) -> int:
    """Return the size in bytes of the longest indexed column (or its indexed prefix)."""
    return int(connection.one(_LONGEST_KEY)[0] or 0)


def candidates(collation: str) -> list[str]:
    """Return the collations that might stand in for `collation`, best first."""
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

    `loaded` is the database with the bundle's `tables`, `trial` an empty one. A refused one is named as "old -> new".
    """
    keys = _unique_keys(loaded)
    safe: dict[str, list[str]] = {}
    refused: list[str] = []
    for collation in used(loaded):
        safe[collation] = []
        if _EVERYWHERE.match(collation):
            continue
        for candidate in candidates(collation):
            if _can_stand_in(loaded, trial, definitions, tables, keys, collation, candidate):
                safe[collation].append(candidate)
            else:
                refused.append(f"{collation} -> {candidate}")
    return safe, refused


_Part = tuple[str, str | None, str | None]  # column, prefix length, collation


def _can_stand_in(
    loaded: Connection, trial: Connection, definitions: dict[str, Definition], tables: Mapping[str, Table],
    keys: dict[str, list[list[_Part]]], collation: str, candidate: str,
) -> bool:  # fmt: skip
    try:
        trial.query(f"SELECT CONVERT('' USING {candidate.partition('_')[0]}) COLLATE {candidate}")
        for table in tables:
            touched = [key for key in keys.get(table, []) if any(part[2] == collation for part in key)]
            if not touched:
                continue
            trial.query(mapped(definitions[table].create, collation, candidate))
            trial.query(f"DROP TABLE {name(table)}")
            if any(_has_duplicate(loaded, table, key, collation, candidate) for key in touched):
                return False
    except Refused:
        # The scratch server does not know it, or the keys do not fit: this one has not proved safe
        return False
    return True


def _has_duplicate(connection: Connection, table: str, key: list[_Part], collation: str, candidate: str) -> bool:
    terms, columns = [], []
    for column, prefix, own in key:
        term = f"LEFT({name(column)}, {prefix})" if prefix and own else name(column)
        terms.append(f"{term} COLLATE {candidate}" if own == collation else term)
        columns.append(f"{name(column)} IS NOT NULL")
    sql = f"SELECT 1 FROM {name(table)} WHERE {' AND '.join(columns)} GROUP BY {', '.join(terms)} HAVING COUNT(*) > 1"
    return bool(connection.rows(sql + " LIMIT 1"))


def _unique_keys(connection: Connection) -> dict[str, list[list[_Part]]]:
    grouped: dict[tuple[str, str], list[_Part]] = {}
    for table, index, column, prefix, collation in connection.rows(_UNIQUE_PARTS):
        part = (
            (column or b"").decode("utf-8"),
            prefix.decode("ascii") if prefix else None,
            collation.decode("ascii") if collation else None,
        )
        grouped.setdefault(((table or b"").decode("utf-8"), (index or b"").decode("utf-8")), []).append(part)
    keys: dict[str, list[list[_Part]]] = {}
    for (table_name, _), parts in grouped.items():
        keys.setdefault(table_name, []).append(parts)
    return keys
