"""A state database as an earlier version would have left it, brought up to date by the migrations."""

import sqlite3
from contextlib import closing

from controller.db import migrate
from controller.db.connection.engine import make_engine

#: The revision of an earlier version's tables.
EARLIER = "0023"


def newest(file, revision="head"):
    """Give the file the tables of this version, or of an earlier `revision`, from whatever it holds."""
    engine = make_engine(f"sqlite:///{file}")
    migrate.upgrade(engine, revision)
    engine.dispose()


def through_earlier(file):
    """Move all rows into an earlier version's tables, and migrate these; nothing else may use the file."""
    become_earlier(file)
    newest(file)


def become_earlier(file):
    """Move all rows into an earlier version's tables; nothing else may use the file."""
    old = file.with_name("old.db")
    with closing(sqlite3.connect(file)) as whole:
        whole.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    file.rename(old)
    newest(file, EARLIER)
    with closing(sqlite3.connect(file)) as new:
        new.execute("ATTACH ? AS old", [str(old)])
        for (table,) in new.execute("SELECT name FROM main.sqlite_master WHERE type = 'table'").fetchall():
            if table not in ("alembic_version", "sqlite_sequence"):
                columns = ", ".join(sorted(_columns(new, "main", table) & _columns(new, "old", table)))
                new.execute(f"DELETE FROM main.{table}")
                new.execute(f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM old.{table}")
        new.commit()
    old.unlink()


def _columns(connection, schema, table):
    return {f'"{row[1]}"' for row in connection.execute(f"PRAGMA {schema}.table_info({table})")}
