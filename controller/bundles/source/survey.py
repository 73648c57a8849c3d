"""Surveys a template without packing it: counts the content of its tree and its database."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping

from controller.bundles.packing_report import SurveyedDatabase, SurveyedTree
from controller.bundles.source.database.snapshot import Source
from controller.bundles.source.servers.connections import text
from controller.bundles.source.tree.walk import Excluded, Tree

_LARGEST = 5
_TABLES = """
    SELECT TABLE_NAME, ENGINE, TABLE_COLLATION, COALESCE(DATA_LENGTH + INDEX_LENGTH, 0) FROM information_schema.TABLES
    WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE = 'BASE TABLE' ORDER BY TABLE_NAME"""


def survey_tree(tree: Tree, excluded: Excluded) -> SurveyedTree:
    """Return {"files", "directories", "links", "bytes", "left_out", "largest_files"} of a document root.

    "left_out" counts files that would not be packed. Raises ShoplaunchError as `Tree.entries`.
    """
    entries = list(tree.entries(excluded))
    files = [entry for entry in entries if entry.kind == "file"]
    everything = sum(len(names) for _, _, names in os.walk(tree.held))
    packed = sum(entry.kind != "directory" for entry in entries)
    largest = sorted(files, key=lambda entry: (-entry.size, entry.path))[:_LARGEST]
    return {
        "files": len(files),
        "directories": sum(entry.kind == "directory" for entry in entries),
        "links": sum(entry.kind == "link" for entry in entries),
        "bytes": sum(entry.size for entry in files),
        "left_out": max(0, everything - packed),
        "largest_files": {entry.path.decode("utf-8"): entry.size for entry in largest},
    }


def survey_database(source: Source) -> SurveyedDatabase:
    """Return totals of the database over all tables; see the keys.

    "prefixes" counts tables by the beginning of their names, "rows" is exact, "bytes" as the server estimates them.
    """
    rows = {table: source.count(table) for table in source.tables}
    engines, sizes, collations = Counter[str](), Counter[str](), set[str]()
    for table, engine, collation, size in source.query(_TABLES):
        engines[text(engine)] += 1
        collations.add(text(collation))
        sizes[text(table)] = int(size or 0)
    columns = [column for table in source.tables.values() for column in table.columns]
    routines = Counter(routine.kind for routine in source.routines())
    return {
        "server": text(source.query("SELECT VERSION()")[0][0]),
        "tables": len(rows),
        "prefixes": _prefixes(rows),
        "rows": sum(rows.values()),
        "bytes": sum(sizes.values()),
        "largest_tables": {table: rows[table] for table, _ in sizes.most_common(_LARGEST)},
        "engines": dict(sorted(engines.items())),
        "collations": sorted(collations | {column.collation for column in columns if column.collation}),
        "tables_without_key": sorted(table.name for table in source.tables.values() if not table.key),
        "views_triggers_routines": dict(sorted(routines.items())),
        "dump_changed": source.notes,
    }


def _prefixes(tables: Mapping[str, int]) -> dict[str, int]:
    found = Counter(table.partition("_")[0] + "_" if "_" in table else "(none)" for table in tables)
    return dict(found.most_common(_LARGEST))
