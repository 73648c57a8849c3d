"""Loads a backup's rows into the database in one transaction; rows of earlier revisions pass a scratch database."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import StatementError

from controller.access.actor import COMMAND_LINE
from controller.backups import aftermath, archive, snapshot
from controller.backups.aftermath import ACTION
from controller.backups.archive import Summary
from controller.backups.reading import Nobody, Passphrase, read
from controller.bundles.pack.progress import Progress
from controller.db import migrate
from controller.db.connection.clock import database_now
from controller.db.connection.engine import make_engine, transact
from controller.db.identities import access
from controller.db.machines import workers
from controller.db.tables import audit, metadata
from shared.errors import ShoplaunchError

#: A worker or web server without a sign of life for this long has ended.
PROCESS_SECONDS = 60.0
#: The backup's signs of life are none: what is there at the end began meanwhile.
_PROCESSES = "workers"
_BATCH_ROWS = 200
_BATCH_CHARS = 1024 * 1024


class Source:
    """A backup that was read once and verified."""

    def __init__(self, file: Path, passphrase: Passphrase, summary: Summary) -> None:
        self.file, self.passphrase, self.summary = file, passphrase, summary


def load(engine: sa.Engine, source: Source, token: str, scratch: Path, progress: Progress) -> None:
    """Load the backup into the database, with the token in the audit log; on failure everything stays as it was.

    Raises ShoplaunchError `name_taken` when there are jobs already, `service_running`, `backup_damaged`,
    `backup_newer`, `restore_failed`, `database_busy`.
    """
    if source.summary.format == archive.FORMAT and source.summary.revision == migrate.newest():
        progress.phase("Restoring", source.file.stat().st_size)
        _replace(engine, token, lambda connection: _from_file(connection, source, progress))
        return
    earlier = _of_this_version(source, scratch, progress)
    try:
        progress.phase("Restoring", sum(source.summary.tables.values()))
        _replace(engine, token, lambda connection: _from_database(connection, earlier, progress))
    finally:
        earlier.dispose()


def was_loaded(engine: sa.Engine, token: str) -> bool:
    """Return whether the database was made by `load` with this token."""
    # Locked: waits for a commit that is still under way
    query = sa.select(audit.c.id).where(audit.c.action == ACTION, audit.c.detail == token).with_for_update()

    def work(connection: sa.Connection) -> bool:
        if connection.dialect.name == "postgresql":
            # A lock on rows does not wait for rows that others insert; a lock on the table waits for their transactions
            connection.exec_driver_sql("LOCK TABLE audit IN SHARE MODE")
        return connection.execute(query).first() is not None

    return transact(engine, work)


def _replace(engine: sa.Engine, token: str, fill: Callable[[sa.Connection], None]) -> None:
    def work(connection: sa.Connection) -> None:
        if connection.execute(sa.select(metadata.tables["jobs"].c.id).limit(1)).first() is not None:
            raise ShoplaunchError("name_taken", "this installation has jobs already; restore into an empty one")
        age = workers.process_age(connection)
        if age is not None and age < PROCESS_SECONDS:
            message = f"a worker or web server gave a sign of life {age:.0f} seconds ago"
            raise ShoplaunchError("service_running", message)
        for table in reversed(metadata.sorted_tables):
            if connection.execute(sa.delete(table)).rowcount and table.name == "jobs":
                # From another home on this database, since the look above
                raise ShoplaunchError("name_taken", "an order came meanwhile; restore into an empty installation")
        fill(connection)
        count_on(connection, metadata)
        if workers.process_age(connection) is not None:
            raise ShoplaunchError("service_running", "a worker or web server was started meanwhile")
        now = database_now(connection)
        aftermath.end_access(connection, now)
        access.add_audit(connection, now, COMMAND_LINE, ACTION, None, token)

    try:
        transact(engine, work)
    except ShoplaunchError as problem:
        lasting = problem.code == "database_busy" and not problem.details.get("passing", True)
        if lasting or problem.details.get("denied"):
            raise ShoplaunchError("restore_failed", problem.message) from problem
        raise
    except StatementError as problem:
        raise ShoplaunchError("restore_failed", f"the controller's database: {problem.orig}"[:300]) from problem


def count_on(connection: sa.Connection, tables: sa.MetaData) -> None:
    """Let new rows be numbered after the highest loaded number: PostgreSQL alone does not do so by itself."""
    if connection.dialect.name != "postgresql":
        return
    for table in tables.sorted_tables:
        column = table.autoincrement_column
        if column is not None:
            sequence = sa.func.pg_get_serial_sequence(table.name, column.name)
            following = sa.select(sa.func.coalesce(sa.func.max(column), 0) + 1).scalar_subquery()
            connection.execute(sa.select(sa.func.setval(sequence, following, sa.false())))


class Batches:
    """Inserts rows into the database many at a time."""

    def __init__(self, connection: sa.Connection, tables: sa.MetaData) -> None:
        self._connection, self._tables = connection, tables.tables
        self._columns = {name: frozenset(column.name for column in table.c) for name, table in tables.tables.items()}
        self._name, self._rows, self._chars = "", list[dict[str, object]](), 0

    def add(self, table: str, row: dict[str, object]) -> None:
        """Insert the row, now or with a later batch. Raises LookupError for what the database has no place for."""
        if not row.keys() <= self._columns[table]:
            raise LookupError(table)
        if table == _PROCESSES:
            return
        if table != self._name or len(self._rows) >= _BATCH_ROWS or self._chars >= _BATCH_CHARS:
            self.flush()
        self._name = table
        self._rows.append(row)
        self._chars += sum(len(value) for value in row.values() if isinstance(value, str | bytes))

    def flush(self) -> None:
        """Insert all pending rows."""
        if self._rows:
            self._connection.execute(sa.insert(self._tables[self._name]), self._rows)
        self._rows, self._chars = [], 0


class _Loader(Nobody):
    """Inserts the rows of a backup into a database."""

    def __init__(self, batches: Batches) -> None:
        self._batches = batches

    def row(self, table: str, row: dict[str, object]) -> None:
        """Insert the row."""
        self._batches.add(table, row)


def _from_file(connection: sa.Connection, source: Source, progress: Progress) -> None:
    _read_again(Batches(connection, metadata), source, progress)


def _read_again(batches: Batches, source: Source, progress: Progress) -> None:
    if read(source.file, source.passphrase, _Loader(batches), progress) != source.summary:
        raise ShoplaunchError("backup_damaged", f"{source.file} was changed while it was read")
    batches.flush()


def _from_database(connection: sa.Connection, earlier: sa.Engine, progress: Progress) -> None:
    batches = Batches(connection, metadata)
    with snapshot.snapshot(earlier) as other:
        for table in metadata.sorted_tables:
            for row in snapshot.rows(other, table):
                batches.add(table.name, dict(row._mapping))
                progress.advance()
    batches.flush()


def _of_this_version(source: Source, scratch: Path, progress: Progress) -> sa.Engine:
    """Return a database in the file `scratch` with the backup's rows, migrated to this version."""
    if source.summary.revision not in migrate.known():
        raise ShoplaunchError("backup_newer", f"its database is of revision {source.summary.revision[:20]}")
    engine = make_engine(f"sqlite:///{scratch}")
    migrate.upgrade(engine, source.summary.revision)
    tables = sa.MetaData()
    tables.reflect(engine)

    def work(connection: sa.Connection) -> None:
        # Tables come in alphabetical order
        connection.exec_driver_sql("PRAGMA defer_foreign_keys=ON")
        _read_again(Batches(connection, tables), source, progress)

    progress.phase("Reading the earlier version's database", source.file.stat().st_size)
    try:
        transact(engine, work)
    except StatementError as problem:
        raise ShoplaunchError("backup_damaged", f"{source.file}: {problem.orig}"[:300]) from problem
    try:
        migrate.upgrade(engine)
    except (ValueError, TypeError, LookupError, AttributeError) as problem:
        message = f"{source.file}: its rows are none of an earlier version ({type(problem).__name__})"
        raise ShoplaunchError("backup_damaged", message[:300]) from problem
    return engine


def bundles(engine: sa.Engine) -> list[tuple[str, int]]:
    """Return (name, size) of the bundles in the database."""
    table = metadata.tables["bundles"]
    query = sa.select(table.c.name, table.c.size).order_by(table.c.name)
    return [(name, size) for name, size in transact(engine, lambda connection: connection.execute(query).all())]
