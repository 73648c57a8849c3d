"""Migrations on MySQL and MariaDB check before each change of a table: one that was killed resumes at the next try.

These servers commit each such statement by itself. Changes that a killed migration has made already are skipped; on
SQLite it has left none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from alembic.ddl import base
from alembic.ddl.mysql import MySQLChangeColumn, MySQLImpl
from sqlalchemy import schema


class ResumingImpl(MySQLImpl):
    """Alembic's implementation for MySQL and MariaDB; every operation of a migration passes through it."""

    __dialect__ = "mysql"

    def _exec(
        self,
        construct: Any,
        execution_options: Mapping[str, Any] | None = None,
        multiparams: Any = None,
        params: Mapping[str, Any] | None = None,
    ) -> sa.CursorResult[Any] | None:
        connection = self.connection
        if connection is not None and _is_done(connection, construct):
            return None
        return super()._exec(construct, execution_options, multiparams, params or {})


def _is_done(connection: sa.Connection, construct: object) -> bool:
    """Return whether `construct` was applied already; False for anything that does not change a table."""
    there = sa.inspect(connection)
    match construct:
        case schema.CreateTable():
            return there.has_table(construct.element.name)
        case schema.DropTable():
            return not there.has_table(construct.element.name)
        case schema.CreateIndex():
            return construct.element.name in _indexes(there, _table_of(construct.element))
        case schema.DropIndex():
            return construct.element.name not in _indexes(there, _table_of(construct.element))
        case schema.AddConstraint():
            return construct.element.name in _constraints(there, _table_of(construct.element))
        case schema.DropConstraint():
            return construct.element.name not in _constraints(there, _table_of(construct.element))
        case base.AddColumn():
            return construct.column.name in _columns(there, construct.table_name)
        case base.DropColumn():
            return construct.column.name not in _columns(there, construct.table_name)
        case base.RenameTable():
            return there.has_table(construct.new_table_name) and not there.has_table(construct.table_name)
        case MySQLChangeColumn() if construct.newname not in (None, construct.column_name):
            columns = _columns(there, construct.table_name)
            return construct.newname in columns and construct.column_name not in columns
    return False


def _table_of(element: Any) -> str:
    return str(element.table.name)


def _columns(there: sa.Inspector, table: str) -> set[str]:
    return {column["name"] for column in there.get_columns(table)}


def _indexes(there: sa.Inspector, table: str) -> set[str | None]:
    # Dropping a table drops its indexes
    return {index["name"] for index in there.get_indexes(table)} if there.has_table(table) else set()


def _constraints(there: sa.Inspector, table: str) -> set[str | None]:
    lists = (there.get_unique_constraints(table), there.get_foreign_keys(table), there.get_check_constraints(table))
    primary = "pk_" + table if there.get_pk_constraint(table)["constrained_columns"] else None
    return {primary, *(row["name"] for rows in lists for row in rows)}
