"""Reads every row of the database as of one moment, while other processes go on writing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from controller.db.connection.engine import reading

PAGE_ROWS = 500
#: Rows that the driver may buffer.
_BUFFERED = 10
#: The target of the backup may be slow; the server waits this long.
_SERVER_WAITS = ("SET SESSION net_write_timeout = 3600", "SET SESSION wait_timeout = 28800")
#: The same for PostgreSQL, without end; older servers know not all of them. The first query also fixes the moment.
_NO_LIMITS = """SELECT set_config(name, '0', true) FROM pg_settings WHERE name IN
    ('statement_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout')"""


@contextmanager
def snapshot(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Yield a connection that sees one moment of the whole database, and blocks no writer."""
    if engine.dialect.name == "sqlite":
        with reading(engine) as connection:
            # The first query fixes the moment
            connection.exec_driver_sql("SELECT 1 FROM sqlite_master LIMIT 1").all()
            yield connection
        return
    if engine.dialect.name == "postgresql":
        options: dict[str, Any] = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        with engine.connect().execution_options(**options) as connection, connection.begin():
            connection.exec_driver_sql(_NO_LIMITS).all()
            yield connection
        return
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        for statement in (*_SERVER_WAITS, "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"):
            connection.exec_driver_sql(statement)
        yield connection
        connection.rollback()


def count(connection: sa.Connection, table: sa.Table) -> int:
    """Return how many rows the table has."""
    return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


def rows(connection: sa.Connection, table: sa.Table) -> Iterator[sa.Row[object]]:
    """Yield the table's rows in the order of its primary key, read one page at a time."""
    key = list(table.primary_key.columns)
    places = [list(table.columns).index(column) for column in key]
    query = sa.select(table).order_by(*key).limit(PAGE_ROWS)
    last: sa.Row[Any] | None = None
    while True:
        page = query if last is None else query.where(_behind(key, [last[place] for place in places]))
        number = 0
        options = {"stream_results": True, "max_row_buffer": _BUFFERED}
        with connection.execute(page, execution_options=options) as found:
            for number, last in enumerate(found, 1):  # noqa: B007 - it counts the rows
                yield last
        if number < PAGE_ROWS:
            return


def _behind(key: list[sa.Column[object]], values: list[object]) -> sa.ColumnElement[bool]:
    """Return the condition for rows after the one with these values; it repeats the condition on the first column, or
    servers would not use an index."""
    condition: sa.ColumnElement[bool] = key[-1] > values[-1]
    for column, value in zip(key[-2::-1], values[-2::-1], strict=True):
        condition = sa.and_(column >= value, sa.or_(column > value, sa.and_(column == value, condition)))
    return condition
