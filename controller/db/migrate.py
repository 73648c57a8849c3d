"""Migrates the state database to the newest schema (Alembic).

Only what migrates imports Alembic: other commands ask for the revisions alone, and begin a tenth of a second earlier.
"""

from __future__ import annotations

import functools
import hashlib
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from controller.db.connection import postgresql, same_file
from controller.db.connection.engine import make_engine, reading
from shared.errors import ShoplaunchError

if TYPE_CHECKING:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

LOG = logging.getLogger(__name__)
#: Where Alembic notes the database's revision.
_REVISIONS = sa.table("alembic_version", sa.column("version_num", sa.String))
#: How long to wait for another process that migrates the same database.
WAIT_SECONDS = 30
#: How often a running process checks whether the tables are still those of its version. A worker without work asks for
#: little else.
WATCH_SECONDS = 2.0
#: Between two tries to get PostgreSQL's lock.
_AGAIN_SECONDS = 0.2


def _config(connection: sa.Connection | None = None, applied: Callable[[], None] | None = None) -> Config:
    # Imported here: slow to load, and only migrating needs it
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", _folder())
    config.set_main_option("recursive_version_locations", "true")
    config.attributes.update(connection=connection, applied=applied)
    return config


def _folder() -> str:
    return str(resources.files("controller.db").joinpath("migrations"))


def upgrade(engine: sa.Engine, target: str = "head", applied: Callable[[], None] | None = None) -> None:
    """Run every missing migration, also one that was interrupted; `applied` is called after each. A missing file of
    SQLite is created.

    Raises ShoplaunchError `database_busy`, `database_newer`, `migration_running` while another process migrates,
    `migration_failed` when the database refuses, `config_invalid` for one that cannot store every character.
    """
    # Imported here: slow to load, and only migrating needs it
    from alembic import command

    same_file.create(engine.url)
    with engine.connect() as connection, _alone(connection):
        if engine.dialect.name == "postgresql":
            postgresql.require_unicode(connection)
        waiting = pending(connection)

        def count() -> None:
            if waiting:
                waiting.pop(0)
            if applied is not None:
                applied()

        connection.rollback()
        try:
            with connection.begin():
                command.upgrade(_config(connection, count), target)
        except (ShoplaunchError, DBAPIError) as problem:
            raise _as_failure(problem, waiting) from problem


def _as_failure(problem: ShoplaunchError | DBAPIError, waiting: list[str]) -> ShoplaunchError:
    """Return `problem` as a failure of a migration: one that recurs at each try does not pass by itself."""
    if isinstance(problem, ShoplaunchError) and not _recurs(problem):
        return problem
    text = problem.message if isinstance(problem, ShoplaunchError) else f"the controller's database: {problem.orig}"
    at = f"migration {waiting[0]}" if waiting else "the migrations"
    return ShoplaunchError("migration_failed", f"{at} stopped: {text}"[:500])


def _recurs(problem: ShoplaunchError) -> bool:
    return bool(problem.details.get("denied")) or (
        problem.code == "database_busy" and not problem.details.get("passing")
    )


@contextmanager
def _alone(connection: sa.Connection) -> Iterator[None]:
    """Admit one process at a time to a database's migrations. SQLite allows only one writer anyway."""
    if connection.dialect.name == "sqlite":
        yield
        return
    lock = _of_postgresql if connection.dialect.name == "postgresql" else _of_mysql
    if not lock(connection, taken=True):
        raise ShoplaunchError("migration_running", "another process has been migrating this database for long")
    connection.rollback()
    try:
        yield
        lock(connection, taken=False)
        connection.rollback()
    except BaseException:
        # Closing the connection releases the lock
        connection.invalidate()
        raise


def _of_mysql(connection: sa.Connection, *, taken: bool) -> bool:
    """Take the lock of this database, or release it; return whether it is as wanted."""
    # Lock names are shared by all databases of a server
    name = "shoplaunch-migrate-" + hashlib.sha256(str(connection.engine.url.database).encode()).hexdigest()[:32]
    text = "SELECT GET_LOCK(:name, :seconds)" if taken else "SELECT RELEASE_LOCK(:name)"
    values = {"name": name, "seconds": WAIT_SECONDS} if taken else {"name": name}
    return bool(connection.execute(sa.text(text), values).scalar() == 1)


def _of_postgresql(connection: sa.Connection, *, taken: bool) -> bool:
    """As `_of_mysql`: each database has its own locks, which are numbers."""
    call = sa.func.pg_try_advisory_lock if taken else sa.func.pg_advisory_unlock
    number = int.from_bytes(hashlib.sha256(b"shoplaunch-migrate").digest()[:8], "big", signed=True)
    query, end = sa.select(call(sa.cast(number, sa.BigInteger))), time.monotonic() + WAIT_SECONDS
    while not connection.execute(query).scalar():
        if not taken or time.monotonic() >= end:
            return False
        time.sleep(_AGAIN_SECONDS)
    return True


@functools.cache
def known() -> frozenset[str]:
    """Return every known revision: migrations are in files whose names begin with their numbers."""
    return frozenset(path.name.partition("_")[0] for path in Path(_folder(), "versions").rglob("[0-9]*.py"))


def _scripts() -> ScriptDirectory:
    # Imported here: slow to load, and only migrating needs it
    from alembic.script import ScriptDirectory

    return ScriptDirectory.from_config(_config())


def pending(connection: sa.Connection) -> list[str]:
    """Return the revisions still to be applied, the oldest first. Raises database_newer."""
    found = revision(connection)
    _require_known(found)
    steps = _scripts().iterate_revisions("head", found or "base")
    return [step.revision for step in reversed(list(steps))]


def revisions(engine: sa.Engine) -> tuple[str | None, str | None]:
    """Return (the database's revision, the newest known); nothing is written."""
    if same_file.is_missing(engine.url):
        return None, newest()
    with reading(engine) as connection:
        return revision(connection), newest()


def require_current(engine: sa.Engine) -> None:
    """Raise what `require_revision` does for the engine's database, database_busy when it does not answer."""
    same_file.require_there(engine.url)
    require_revision(revisions(engine)[0])


def require_revision(found: str | None) -> None:
    """Raise not_initialised for a database without this version's tables, database_newer for a newer version's."""
    _require_known(found)
    if found != newest():
        raise ShoplaunchError("not_initialised", "the database lacks this version's tables; run `shoplaunch migrate`")


class Watch:
    """Knows whether the tables of a running process's database are still its version's: another version may migrate
    them at any time. From then on the process takes up nothing; what is under way it ends."""

    def __init__(self, url: sa.URL) -> None:
        # A connection of its own, so that it never waits for one of the pool
        self._engine = make_engine(url.render_as_string(hide_password=False))
        self._look_at = float("-inf")
        self._problem: ShoplaunchError | None = None

    def require(self) -> None:
        """Raise not_initialised or database_newer where the tables are another version's."""
        if time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + WATCH_SECONDS
            self._look()
        if self._problem is not None:
            raise self._problem

    def is_left(self) -> bool:
        """Return whether the tables are another version's by now."""
        try:
            self.require()
        except ShoplaunchError:
            return True
        return False

    def _look(self) -> None:
        before = self._problem
        try:
            with reading(self._engine) as connection:
                found = connection.execute(sa.select(_REVISIONS.c.version_num)).scalar()
        except (ShoplaunchError, SQLAlchemyError):
            # A database that does not answer says so wherever it is asked
            return
        finally:
            if self._engine.dialect.name == "sqlite":
                # Between two looks the file may be moved, as when its process keeps no connection either
                self._engine.dispose()
        try:
            require_revision(found)
            self._problem = None
        except ShoplaunchError as error:
            self._problem = error
            if before is None:
                LOG.error("nothing is taken up any more: %s: %s", error.code, error.message)


def _require_known(found: str | None) -> None:
    if found is not None and found not in known():
        message = f"the database is of revision {found[:20]}, this version's is {newest()}"
        raise ShoplaunchError("database_newer", message)


def revision(connection: sa.Connection) -> str | None:
    """Return the database's revision, None for one without tables."""
    if not sa.inspect(connection).has_table(_REVISIONS.name):
        return None
    found: str | None = connection.execute(sa.select(_REVISIONS.c.version_num)).scalar()
    return found


@functools.cache
def newest() -> str | None:
    """Return the newest known revision."""
    return max(known(), default=None)
