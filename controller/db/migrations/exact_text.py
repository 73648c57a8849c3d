"""Migrations on PostgreSQL give every text the collation "C": it compares and sorts by characters, as elsewhere.

Indexes of it stay valid when the machine's locales change with an update of its system.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from alembic.ddl import base
from alembic.ddl.postgresql import PostgresqlColumnType, PostgresqlImpl
from sqlalchemy import schema


class ExactTextImpl(PostgresqlImpl):
    """Alembic's implementation for PostgreSQL; every operation of a migration passes through it."""

    __dialect__ = "postgresql"

    def _exec(
        self,
        construct: Any,
        execution_options: Mapping[str, Any] | None = None,
        multiparams: Any = None,
        params: Mapping[str, Any] | None = None,
    ) -> sa.CursorResult[Any] | None:
        match construct:
            case schema.CreateTable():
                for column in construct.element.columns:
                    column.type = _exact(column.type)
            case base.AddColumn():
                construct.column.type = _exact(construct.column.type)
            case PostgresqlColumnType():
                construct.type_ = _exact(construct.type_)
        return super()._exec(construct, execution_options, multiparams, params or {})


def _exact(kind: Any) -> Any:
    if not isinstance(kind, sa.String) or kind.collation is not None:
        return kind
    exact = kind.copy()
    exact.collation = "C"
    return exact
