"""Refuses decisions that would leave rows referring to a removed one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

from controller.bundles.pack import digests
from controller.bundles.review.decisions import Decision
from controller.bundles.source.database.snapshot import Source, Table
from controller.bundles.source.servers.connections import name
from shared.errors import ShoplaunchError

_REFERENCES = (
    "SELECT TABLE_NAME, CONSTRAINT_NAME, COLUMN_NAME, REFERENCED_COLUMN_NAME FROM information_schema.KEY_COLUMN_USAGE"
    " WHERE TABLE_SCHEMA = DATABASE() AND REFERENCED_TABLE_SCHEMA = DATABASE() AND REFERENCED_TABLE_NAME = %s"
    " ORDER BY TABLE_NAME, CONSTRAINT_NAME, ORDINAL_POSITION"
)


def require_none(
    source: Source, table: Table, removed: Sequence[tuple[Decision, digests.Key]],
    condition: Callable[[str], str | None],
) -> None:  # fmt: skip
    """Raise ShoplaunchError `decisions_invalid` when packed rows refer to one of the `removed` of `table`.

    `condition` returns which rows of a table are packed, None for none.
    """
    pairs: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for row in source.query(_REFERENCES, (table.name,)):
        child, constraint, column, referenced = ((part or b"").decode("utf-8") for part in row)
        pairs[(child, constraint)].append((column, referenced))
    for (child, _), columns in pairs.items():
        where = condition(child)
        if where is None:
            continue
        for decision, key in removed:
            count = _count(source, table, key, child, columns, where)
            if count:
                raise ShoplaunchError(
                    "decisions_invalid",
                    f"{decision.place.shown()} cannot be removed: {count} rows of {child} refer to it;"
                    " blank or replace the value, or remove those rows, too",
                )


def _count(
    source: Source, table: Table, key: digests.Key, child: str, columns: Sequence[tuple[str, str]], where: str
) -> int:
    own = ", ".join(name(column) for column, _ in columns)
    referenced = ", ".join(name(column) for _, column in columns)
    of_row = f"SELECT {referenced} FROM {name(table.name)} WHERE {digests.condition(table, [key])}"
    sql = f"SELECT COUNT(*) FROM {name(child)} WHERE ({own}) IN ({of_row})" + (f" AND ({where})" if where else "")
    return int(source.query(sql)[0][0] or 0)
