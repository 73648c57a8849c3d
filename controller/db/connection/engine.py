"""The connection to the controller's own database: SQLite by default, MySQL, MariaDB and PostgreSQL the same way."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from controller.db.connection import postgresql, same_file, sqlstates
from controller.db.connection.full_disk import is_full
from controller.db.connection.pooled import PooledConnection
from controller.db.connection.write_protection import is_protected
from shared.errors import ShoplaunchError

BUSY_SECONDS = 30
#: Connections of one engine: those that stay open, and the most at a time. `serve` has two engines,
#: and PostgreSQL takes a hundred connections unless it is set up otherwise.
KEPT, MOST = 10, 40
#: What a URL begins with -> the driver that is installed.
_DRIVERS = {
    "sqlite": "sqlite", "mysql": "mysql+pymysql", "mariadb": "mysql+pymysql", "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
}  # fmt: skip
#: MySQL's "deadlock" and "lock wait timeout": the transaction was rolled back and can be repeated as a whole.
_REPEATABLE = (1213, 1205)
#: Galera's "WSREP has not yet prepared node for application use": this node of the cluster is no part of it just now.
_NO_MEMBER = 1047
#: MySQL's and MariaDB's errors while they are away, full, or shut down; numbers from 2000 on are the client's.
_PASSING = (*_REPEATABLE, _NO_MEMBER, 1040, 1053, 1152, 1158, 1159, 1160, 1161, 1203, 1226, 1317, 1927, 3024, 4031)
_CLIENT_NUMBERS = range(2000, 3000)
#: MySQL's "duplicate entry": another transaction added the row since this one looked for it.
_DUPLICATE = 1062
TRIES = 5
_OF_SERVERS: dict[str, Any] = {"isolation_level": "READ COMMITTED", "pool_pre_ping": True, "pool_recycle": 600}
_READ = "shoplaunch_read"
Result = TypeVar("Result")
#: Database -> lock of the thread of this process that writes to it.
_turns: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)


def make_engine(url: str) -> sa.Engine:
    """Return an engine for `url`. It raises failures of the server as ShoplaunchError `database_busy`, of
    its disk as `database_full`, of permissions as `database_unwritable`. It makes no file: controller.db.migrate does.

    Raises config_invalid for an invalid URL.
    """
    parsed = _parsed(url)
    common: dict[str, Any] = {"hide_parameters": True, "poolclass": BoundedPool, "pool_size": KEPT}
    common |= {"max_overflow": MOST - KEPT, "pool_timeout": BUSY_SECONDS}
    if parsed.get_backend_name() == "sqlite":
        engine = sa.create_engine(parsed, connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False}, **common)
        _prepare_sqlite(engine)
        same_file.keep(engine)
    elif parsed.get_backend_name() == "mysql":
        parsed = parsed.update_query_dict({"charset": "utf8mb4"})
        engine = sa.create_engine(parsed, **_OF_SERVERS, **common)
        sa.event.listen(engine, "do_connect", _proven)
    else:
        engine = sa.create_engine(parsed, use_native_hstore=False, **_OF_SERVERS, **common)
        postgresql.prepare(engine, BUSY_SECONDS)
    sa.event.listen(engine, "handle_error", _as_known, retval=True)
    return engine


def _parsed(url: str) -> sa.URL:
    try:
        parsed = sa.make_url(url)
    except (ArgumentError, ValueError):
        raise ShoplaunchError("config_invalid", "database_url is not a database URL") from None
    driver = _DRIVERS.get(parsed.get_backend_name())
    if driver is None:
        known = "sqlite://, mysql:// (for MySQL and MariaDB) or postgresql://"
        raise ShoplaunchError("config_invalid", f"database_url must begin with {known}")
    return parsed.set(drivername=driver)


# SQLAlchemy names a pool's log by the class: it tells of each that is emptied, which processes do each second
logging.getLogger(f"{__name__}.BoundedPool").setLevel(logging.WARNING)


class BoundedPool(sa.QueuePool):
    """A pool in which a thread waits for a connection when all are lent."""

    def connect(self) -> sa.PoolProxiedConnection:
        """Lend a connection. Raises database_busy when none becomes free."""
        try:
            return super().connect()
        except PoolTimeoutError:
            message = f"the controller's database: all {MOST} connections of this process have been in use for long"
            raise ShoplaunchError("database_busy", message, passing=True) from None


def _proven(_dialect: object, _record: object, arguments: tuple[object, ...], how: dict[str, object]) -> object:
    """Return a connection that reveals its password to the real server only. Raises database_busy while another process
    answers in its place: the server is away."""
    if how.get("unix_socket") and not how.get("ssl"):
        # Its owner is verified, and nobody reads along: TLS would cost each statement time
        how = {**how, "ssl_disabled": True}
    try:
        return PooledConnection(*arguments, own=True, **how)
    except ShoplaunchError as error:
        what = "its socket (?unix_socket=PATH, with &socket_uid=NUMBER for a user of another name) or ?ssl_ca=FILE"
        message = f"the controller's database: {error.message}; nothing was sent. Name {what} in database_url"
        raise ShoplaunchError("database_busy", message) from None


def _prepare_sqlite(engine: sa.Engine) -> None:
    @sa.event.listens_for(engine, "connect")
    def connect(connection: Any, _record: Any) -> None:
        # BEGIN is sent by the listener below
        connection.isolation_level = None
        cursor = connection.cursor()
        # What is deleted is overwritten: not every SQLite is compiled so
        pragmas = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON")
        for pragma in (*pragmas, f"busy_timeout={BUSY_SECONDS}000"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        # A transaction that reads before it writes must hold the write lock from the start
        reads = connection.get_execution_options().get(_READ)
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _as_known(context: sa.engine.ExceptionContext) -> BaseException | None:
    if context.is_pre_ping:
        # A stale connection whose server restarted: the pool opens another one
        return None
    problem = context.original_exception
    sqlstates.without_rows(problem, context.sqlalchemy_exception)
    # The driver's text may name host and user, never a password
    text = " ".join(str(problem).split())[:200]
    if context.engine is not None and is_full(problem, context.engine.url):
        return ShoplaunchError("database_full", f"the controller's database: {text}")
    if context.engine is not None and is_protected(problem, context.engine.url):
        message, denied = f"the controller's database: {text}", sqlstates.is_denied(problem)
        # A server that was the primary may keep its connections: a new one leads to the present primary
        context.is_disconnect = context.is_disconnect or not (denied or context.engine.dialect.name == "sqlite")
        return ShoplaunchError("database_unwritable", message, denied=denied)
    # Exactly this class, no subclass, when the file itself is no (intact) database
    if type(problem) is sqlite3.DatabaseError or sqlstates.is_damaged(problem):
        return ShoplaunchError("database_damaged", f"the controller's database: {text}"[:200])
    if isinstance(context.sqlalchemy_exception, OperationalError) or sqlstates.is_of_the_server(problem):
        message, repeatable = f"the controller's database: {text}", _is_repeatable(problem)
        # A proxy before the cluster leads a new connection to another node
        context.is_disconnect = context.is_disconnect or problem.args[:1] == (_NO_MEMBER,)
        return ShoplaunchError("database_busy", message, repeatable=repeatable, passing=_passes(problem))
    return None


def _is_repeatable(problem: BaseException) -> bool:
    """Return whether the transaction was rolled back and can be repeated as a whole."""
    return (bool(problem.args) and problem.args[0] in _REPEATABLE) or sqlstates.is_repeatable(problem)


def _passes(problem: BaseException) -> bool:
    """Return whether the database may answer differently at the next try."""
    if isinstance(problem, sqlite3.Error):
        return getattr(problem, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    number = problem.args[0] if problem.args else 0
    return number in _PASSING or number in _CLIENT_NUMBERS or sqlstates.passes(problem)


def transact(engine: sa.Engine, work: Callable[[sa.Connection], Result]) -> Result:
    """Return the result of `work(connection)` with its changes committed; they are rolled back when it raises.

    After a deadlock it is repeated as a whole: `work` must have no effects outside the database. It is also repeated,
    once, when another transaction added a row that `work` had not found: the repetition finds it. Raises what
    `work` raises, ShoplaunchError `database_busy`.
    """
    looked_again = False
    for left in reversed(range(TRIES)):
        try:
            with _turn(engine), engine.begin() as connection:
                return work(connection)
        except ShoplaunchError as error:
            if left == 0 or not (error.code == "database_busy" and error.details.get("repeatable")):
                raise
        except IntegrityError as error:
            if left == 0 or looked_again or not _is_duplicate(error):
                raise
            looked_again = True
    raise AssertionError("unreachable")


def _is_duplicate(error: IntegrityError) -> bool:
    """Return whether two transactions added the same row at once; where one writes at a time, that is impossible."""
    numbers: tuple[Any, ...] = getattr(error.orig, "args", ())
    return (bool(numbers) and numbers[0] == _DUPLICATE) or sqlstates.is_duplicate(error.orig)


@contextmanager
def _turn(engine: sa.Engine) -> Iterator[None]:
    """Wait for the write lock here: SQLite allows one writer, and a caller that finds it busy sleeps up to 100 ms."""
    if engine.dialect.name != "sqlite":
        yield
        return
    turn = _turns[engine.url.database or ""]
    if not turn.acquire(timeout=BUSY_SECONDS):
        raise ShoplaunchError("database_busy", "the controller's database: another thread has been writing for long")
    try:
        yield
    finally:
        turn.release()


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Yield a connection for reading only; it makes no writer wait."""
    with engine.connect().execution_options(**{_READ: True}) as connection, connection.begin():
        yield connection


def clear_of_traces(engine: sa.Engine) -> bool:
    """Let nothing of what was deleted stay in SQLite's log or in what is free of its file; return whether that could be
    done now. Servers do it by themselves in time."""
    if engine.dialect.name != "sqlite":
        return True
    with _turn(engine):
        # The driver's own connection: within a transaction, as SQLAlchemy would begin one, SQLite refuses both
        lent = engine.raw_connection()
        cursor = lent.cursor()
        try:
            cursor.execute("VACUUM")
            busy = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        except sqlite3.Error:
            # Others read or write for long, or the disk is full: the next one does it
            return False
        finally:
            cursor.close()
            lent.close()
    return not busy
