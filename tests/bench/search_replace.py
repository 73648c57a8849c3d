"""Replaces a domain in the tables of a running shop as one does after moving it, lengths of serialized data included.

The tools people use for it belong to one application or are written for it (`wp search-replace`); none that works on
any database comes with apt, pip or npm. This one goes the same way – ask for the rows that name the old domain, rewrite
the values, update the row by its key – with the packer's rewriter for the values.
"""

from controller.bundles.rewrite.fragments import Fragments
from controller.bundles.rewrite.rewrite_report import Report
from controller.bundles.rewrite.rewriter import Rewriter
from controller.recipes.base import Replacement
from shared.placeholders import Renderer

_TEXT = ("char", "varchar", "tinytext", "text", "mediumtext", "longtext")
_NONCE = "0be7c4ed"


def replace(connection, old, new):
    """Replace the domain `old` by `new` (str) in every table of `connection`'s database; return how many rows changed.

    `connection` is PyMySQL's. All is one transaction.
    """
    fragments = Fragments(_NONCE)
    rewriter = Rewriter(_NONCE, [Replacement(old.encode(), "domain", "domain")], fragments, Report())
    changed = 0
    connection.begin()
    for table, columns, key in _tables(connection):
        rows = _rows(connection, table, columns, key, old)
        found = [[value and rewriter.rewrite_text(value.encode(), table) for value in row[len(key) :]] for row in rows]
        renderer = Renderer(_NONCE, {"domain": new}, fragments.templates())
        for row, templates in zip(rows, found, strict=True):
            filled = [value and renderer.render(value).decode() for value in templates]
            changed += _update(connection, table, columns, key, row, filled)
    connection.commit()
    return changed


def _tables(connection):
    """Return [(table, text columns, columns of the primary key, or all)]."""
    columns = {}
    for table, column, kind, place in _ask(
        connection,
        "SELECT c.table_name, c.column_name, c.data_type, c.column_key = 'PRI' FROM information_schema.columns c"
        " JOIN information_schema.tables t USING (table_schema, table_name)"
        " WHERE c.table_schema = DATABASE() AND t.table_type = 'BASE TABLE' ORDER BY 1, c.ordinal_position",
    ):
        columns.setdefault(table, []).append((column, kind in _TEXT, place))
    found = []
    for table, named in columns.items():
        texts = [name for name, is_text, _ in named if is_text]
        key = [name for name, _, is_key in named if is_key] or [name for name, _, _ in named]
        if texts:
            found.append((table, texts, key))
    return found


def _rows(connection, table, columns, key, old):
    named = ", ".join(f"`{name}`" for name in [*key, *columns])
    condition = " OR ".join(f"`{name}` LIKE %s" for name in columns)
    return _ask(connection, f"SELECT {named} FROM `{table}` WHERE {condition}", *[f"%{old}%"] * len(columns))


def _update(connection, table, columns, key, row, filled):
    before = list(row[len(key) :])
    if before == filled:
        return 0
    sets = ", ".join(f"`{name}` = %s" for name in columns)
    found = " AND ".join(f"`{name}` <=> %s" for name in key)
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE `{table}` SET {sets} WHERE {found}", [*filled, *row[: len(key)]])
    return 1


def _ask(connection, sql, *values):
    with connection.cursor() as cursor:
        cursor.execute(sql, values or None)
        return cursor.fetchall()
