"""New state databases with this version's tables: migrated once in a process, then copied."""

import functools
import os
import tempfile
from pathlib import Path

import sqlalchemy as sa

from controller.db import migrate
from controller.db.connection.engine import make_engine

#: Version of a server -> the statements that make the tables there.
_made = {}


def make_tables(engine):
    """The engine's new, empty database has the tables and the revision that `migrate.upgrade` gives it."""
    if engine.dialect.name == "sqlite":
        # Closed to others, as the engine makes it
        with open(os.open(engine.url.database, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(_sqlite())
        return
    with engine.connect() as connection:
        version = connection.exec_driver_sql("SELECT @@version").scalar()
        if version in _made:
            for statement in _made[version]:
                connection.exec_driver_sql(statement)
            connection.commit()
            return
    migrate.upgrade(engine)
    with engine.connect() as connection:
        _made[version] = _statements(connection)


@functools.cache
def _sqlite():
    """Return the content of a migrated database."""
    with tempfile.TemporaryDirectory(prefix="shoplaunch-tables-") as folder:
        path = Path(folder) / "state.db"
        engine = make_engine(f"sqlite:///{path}")
        migrate.upgrade(engine)
        # The last connection takes what is in the log into the file
        engine.dispose()
        assert [entry.name for entry in Path(folder).iterdir()] == [path.name]
        return path.read_bytes()


def _statements(connection):
    """Return what makes the tables of a migrated database, one that refers to another perhaps before it."""
    tables = [name for (name,) in connection.exec_driver_sql("SHOW TABLES")]
    made = ["SET foreign_key_checks = 0"]
    for table in tables:
        (_name, statement) = connection.exec_driver_sql(f"SHOW CREATE TABLE `{table}`").one()
        made.append(statement.replace("%", "%%"))
    rows = {name for name in tables if connection.execute(sa.text(f"SELECT 1 FROM `{name}` LIMIT 1")).first()}
    assert rows == {"alembic_version"}
    revision = migrate.revision(connection)
    return [*made, f"INSERT INTO alembic_version VALUES ('{revision}')", "SET foreign_key_checks = 1"]
