"""New state databases with this version's tables: migrated once in a process, then copied."""

import functools
import os
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote_plus

import pytest
import sqlalchemy as sa

from controller.db import migrate
from controller.db.connection.engine import MOST, make_engine
from shared.errors import ShoplaunchError

#: Databases that hold a controller's state.
KINDS = ("sqlite", "mariadb", "postgresql")
#: Parameters of many tests that need a server: each uses one of the two, the other one the next day.
SERVERS = [pytest.param(kind, marks=pytest.mark.sampled(of=2, kind="server")) for kind in KINDS[1:]]
#: The same where many neighbours send the same statements: each test uses a server every other day.
SERVERS_NOW_AND_THEN = [
    pytest.param(kind, marks=pytest.mark.sampled(of=4, kind="server", rests=True)) for kind in KINDS[1:]
]
#: Version of a server -> the statements that make the tables there.
_made = {}


def new_url(request, folder, kind, name="state"):
    """Return the URL of a new, empty state database of a `kind`: a file, or one of a real server of the tests."""
    if kind == "sqlite":
        return f"sqlite:///{folder}/{name}.db"
    server = request.getfixturevalue(f"{kind}_server")
    return url_at(server) if kind == "mariadb" else server.url(server.new_database())


def url_at(server):
    """Return the URL of a new, empty database of a server of MariaDB or MySQL."""
    name, user, password = server.new_database()
    return f"mysql://{user}:{quote_plus(password)}@localhost/{name}?unix_socket={server.socket}"


@contextmanager
def on_sqlite(folder):
    """Give the engine of a new database with tables in `folder`: for what does not depend on the kind of database."""
    engine = make_engine(f"sqlite:///{folder}/state.db")
    make_tables(engine)
    yield engine
    engine.dispose()


@contextmanager
def no_free_connection(engine):
    """All connections that a process may have are lent: who asks for one gets database_busy, and at once."""
    pool = engine.pool
    waits, pool._timeout = pool._timeout, 0.1
    lent = []
    try:
        while len(lent) < MOST:
            # Those that are lent come back one after the other
            with suppress(ShoplaunchError):
                lent.append(engine.connect())
        yield
    finally:
        pool._timeout = waits
        for connection in lent:
            connection.close()


def make_tables(engine):
    """The engine's new, empty database has the tables and the revision that `migrate.upgrade` gives it."""
    if engine.dialect.name == "sqlite":
        # Closed to others, as the engine makes it
        with open(os.open(engine.url.database, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(_sqlite())
        return
    if engine.dialect.name == "postgresql":
        _make_on_postgresql(engine)
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


def _make_on_postgresql(engine):
    if engine.dialect.name not in _made:
        _made[engine.dialect.name] = _recorded(engine)
        return
    with engine.begin() as connection:
        # In one go, which the driver does for a text without values
        connection.connection.driver_connection.execute(";\n".join(_made[engine.dialect.name]))


def _recorded(engine):
    """Migrate the database; return the statements that changed something."""
    sent = []

    def note(_connection, _cursor, statement, values, *_more):
        if not statement.lstrip().startswith(("SELECT", "SHOW")):
            assert not values, statement
            sent.append(statement)

    sa.event.listen(engine, "before_cursor_execute", note)
    try:
        migrate.upgrade(engine)
    finally:
        sa.event.remove(engine, "before_cursor_execute", note)
    return sent


#: Columns, indexes and constraints of a database of PostgreSQL.
_CATALOGUES = (
    """SELECT table_name, column_name, data_type, character_maximum_length, collation_name, is_nullable, column_default
    FROM information_schema.columns WHERE table_schema = 'public'""",
    "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    """SELECT conrelid::regclass::text, conname::text, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace""",
)


def catalogue(connection):
    """Return what makes the tables of a database of PostgreSQL, as values that compare."""
    return [sorted(map(repr, connection.exec_driver_sql(query))) for query in _CATALOGUES]
