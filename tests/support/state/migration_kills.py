"""State databases at every revision, filled with rows, and migrations that are killed at one of their statements."""

import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote_plus

import sqlalchemy as sa

from controller.backups.loading import count_on
from controller.db import migrate
from controller.db.connection.engine import make_engine
from tests.support.servers.databases import mariadb

#: What changes nothing.
_LOOKS = ("SELECT", "SHOW", "PRAGMA", "DESCRIBE", "SET", "BEGIN", "START")
_ROWS = 3


def steps():
    """Return [(the revision before, revision)] of every migration, the oldest first."""
    return [(step.down_revision, step.revision) for step in reversed(list(migrate._scripts().walk_revisions()))]


def bring_to(engine, revision):
    """Migrate to `revision`, as `shoplaunch migrate` does to the newest."""
    migrate.upgrade(engine, revision)


class Killed(BaseException):
    """The process is gone."""


class Kill:
    """Ends the connection `when` ("before" or "after") statement `number` of those that change something; 0: never."""

    def __init__(self, database, engine, number=0, when="before"):
        self.count, self._number, self._when = 0, number, when
        self._database, self._engine = database, engine
        self._listeners = [("before_cursor_execute", self._before), ("after_cursor_execute", self._after)]

    def __enter__(self):
        for name, call in self._listeners:
            sa.event.listen(self._engine, name, call)
        return self

    def __exit__(self, *_error):
        for name, call in self._listeners:
            sa.event.remove(self._engine, name, call)

    def _before(self, connection, _cursor, statement, *_more):
        if statement.lstrip().upper().startswith(_LOOKS):
            return
        self.count += 1
        self._end(connection, "before")

    def _after(self, connection, _cursor, statement, *_more):
        if not statement.lstrip().upper().startswith(_LOOKS):
            self._end(connection, "after")

    def _end(self, connection, when):
        if self.count == self._number and when == self._when:
            self._database.cut(connection)
            raise Killed


def _value(column, number):
    """Return the value of row `number`: unique, and the same in the column that one refers to."""
    for key in column.foreign_keys:
        return _value(key.column, number)
    if number == _ROWS and column.nullable:
        return None
    kind = column.type.python_type
    if kind is str:
        length = getattr(column.type, "length", None)
        return f'{{"domain": "{number}.فروشگاه"}}' if length is None else f"{number}{column.name}"[:length]
    return kind(number)


def fill(engine):
    """Every table that is empty gets rows."""
    tables = sa.MetaData()
    tables.reflect(engine)
    with engine.begin() as connection:
        for table in tables.sorted_tables:
            if table.name != "alembic_version" and connection.execute(sa.select(table).limit(1)).first() is None:
                rows = [{c.name: _value(c, number) for c in table.columns} for number in range(1, _ROWS + 1)]
                connection.execute(sa.insert(table), rows)
        count_on(connection, tables)


def _folder(engine):
    """Return the folder of an SQLite database that is alone in it."""
    return Path(engine.url.database).parent


class Sqlite:
    """Databases that are files: a killed process leaves them as they lie at that moment."""

    def __init__(self, folder):
        self._folder, self._number = folder, 0
        self._kept = {}
        self._cut = None

    def close(self):
        """Nothing runs."""

    def _new(self):
        self._number += 1
        place = self._folder / str(self._number)
        place.mkdir()
        return place

    def at(self, revision):
        """Return an engine on a new database that is at `revision` (None: empty) and full of rows."""
        place = self._new()
        if revision is not None:
            if revision not in self._kept:
                self._keep(revision)
            shutil.copyfile(self._kept[revision], place / "state.db")
        return make_engine(f"sqlite:///{place}/state.db")

    def _keep(self, revision):
        before = next(one for one, this in steps() if this == revision)
        engine = self.at(before)
        bring_to(engine, revision)
        fill(engine)
        engine.dispose()
        target = self._new() / "kept.db"
        with closing(sqlite3.connect(engine.url.database)) as state:
            state.execute("VACUUM INTO ?", (str(target),))
        self._kept[revision] = target

    def cut(self, connection):
        """The process of `connection` ends now."""
        place = self._new()
        for file in _folder(connection.engine).iterdir():
            if not file.name.endswith("-shm"):
                shutil.copyfile(file, place / file.name)
        self._cut = place

    def again(self, engine):
        """Return an engine on what was left behind by the one that was cut."""
        engine.dispose()
        return make_engine(f"sqlite:///{self._cut}/state.db")

    def content(self, engine):
        """Return all there is in the database, in an order of its own."""
        with closing(sqlite3.connect(engine.url.database)) as state:
            schema = state.execute("SELECT name, tbl_name, sql FROM sqlite_master ORDER BY name").fetchall()
            names = [name for name, table, _sql in schema if name == table]
            return schema, {name: sorted(map(repr, state.execute(f'SELECT * FROM "{name}"'))) for name in names}

    def remove(self, engine):
        """The database is not there any more."""
        engine.dispose()
        shutil.rmtree(_folder(engine))


class Server:
    """Databases on a server, where each statement that changes a table stays done."""

    def __init__(self, server, *, own):
        self._server, self._own = server, own
        self._kept = {None: []}

    def close(self):
        """The server has ended, where it was started for these tests."""
        if self._own:
            mariadb.stop_private(self._server)

    def at(self, revision):
        """As that of Sqlite."""
        if revision not in self._kept:
            self._keep(revision)
        name, user, password = self._server.new_database()
        with closing(self._server.root_connection(name)) as connection, connection.cursor() as cursor:
            cursor.execute("SET foreign_key_checks=0")
            for statement, rows in self._kept[revision]:
                if rows is None:
                    cursor.execute(statement)
                elif rows:
                    cursor.executemany(statement, rows)
        place = f"localhost/{name}?unix_socket={self._server.socket}"
        return make_engine(f"mysql://{user}:{quote_plus(password)}@{place}")

    def _keep(self, revision):
        before = next(one for one, this in steps() if this == revision)
        engine = self.at(before)
        bring_to(engine, revision)
        fill(engine)
        kept = []
        with closing(self._server.root_connection(engine.url.database)) as connection, connection.cursor() as cursor:
            for name in self._tables(cursor):
                cursor.execute(f"SHOW CREATE TABLE `{name}`")
                kept.append((cursor.fetchone()[1], None))
                cursor.execute(f"SELECT * FROM `{name}`")
                places = ", ".join("%s" for _ in cursor.description)
                kept.append((f"INSERT INTO `{name}` VALUES ({places})", cursor.fetchall()))
        self.remove(engine)
        self._kept[revision] = kept

    @staticmethod
    def _tables(cursor):
        cursor.execute("SHOW TABLES")
        return sorted(name for (name,) in cursor.fetchall())

    def cut(self, connection):
        """The process of `connection` ends now: the server finds its socket closed."""
        connection.connection.dbapi_connection._force_close()

    def again(self, engine):
        """As that of Sqlite."""
        engine.dispose()
        return engine

    def content(self, engine):
        """As that of Sqlite."""
        schema, rows = {}, {}
        with closing(self._server.root_connection(engine.url.database)) as connection, connection.cursor() as cursor:
            for name in self._tables(cursor):
                cursor.execute(f"SHOW CREATE TABLE `{name}`")
                schema[name] = re.sub(r" AUTO_INCREMENT=\d+", "", cursor.fetchone()[1])
                cursor.execute(f"SELECT * FROM `{name}`")
                rows[name] = sorted(map(repr, cursor.fetchall()))
        return schema, rows

    def remove(self, engine):
        """As that of Sqlite."""
        engine.dispose()
        self._server.query(f"DROP DATABASE `{engine.url.database}`")
