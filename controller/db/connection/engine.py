"""The connection to the controller's own database: SQLite by default, MySQL/MariaDB the same way."""

from __future__ import annotations

import sqlite3
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, IntegrityError, OperationalError

from controller.database_client import ProvenConnection
from controller.db.connection import same_file
from controller.db.connection.full_disk import is_full
from controller.db.connection.write_protection import is_protected
from shared.errors import ShoplaunchError

BUSY_SECONDS = 30
#: MySQL's "deadlock" and "lock wait timeout": the transaction was rolled back and can be repeated as a whole.
_REPEATABLE = (1213, 1205)
#: MySQL's and MariaDB's errors while they are away, full, or shut down; numbers from 2000 on are the client's.
_PASSING = (*_REPEATABLE, 1040, 1053, 1152, 1158, 1159, 1160, 1161, 1203, 1226, 1317, 1927, 3024, 4031)
_CLIENT_NUMBERS = range(2000, 3000)
#: MySQL's "duplicate entry": another transaction added the row since this one looked for it.
_DUPLICATE = 1062
TRIES = 5
_READ = "shoplaunch_read"
Result = TypeVar("Result")
#: Database -> lock of the thread of this process that writes to it.
_turns: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)


def make_engine(url: str) -> sa.Engine:
    """Return an engine for `url`. It raises failures of the server as ShoplaunchError `database_busy`, of
    its disk as `database_full`, of permissions as `database_unwritable`. It makes no file: controller.db.migrate does.

    Raises config_invalid for an invalid URL.
    """
    try:
        parsed = sa.make_url(url)
    except (ArgumentError, ValueError):
        raise ShoplaunchError("config_invalid", "database_url is not a database URL") from None
    if parsed.drivername in ("mysql", "mariadb"):
        parsed = parsed.set(drivername="mysql+pymysql")
    if parsed.get_backend_name() not in ("sqlite", "mysql"):
        raise ShoplaunchError("config_invalid", "database_url must begin with sqlite:// or mysql://")
    # Connections for all threads that ask: with any other limit some would wait, and fail
    common: dict[str, Any] = {"hide_parameters": True, "poolclass": sa.QueuePool, "max_overflow": -1}
    if parsed.get_backend_name() == "sqlite":
        engine = sa.create_engine(parsed, connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False}, **common)
        _prepare_sqlite(engine)
        same_file.keep(engine)
    else:
        parsed = parsed.update_query_dict({"charset": "utf8mb4"})
        engine = sa.create_engine(
            parsed, isolation_level="READ COMMITTED", pool_pre_ping=True, pool_recycle=600, **common
        )
        sa.event.listen(engine, "do_connect", _proven)
    sa.event.listen(engine, "handle_error", _as_known, retval=True)
    return engine


def _proven(_dialect: Any, _record: Any, arguments: tuple[Any, ...], how: dict[str, Any]) -> Any:
    """Return a connection that reveals its password to the real server only. Raises database_busy while another process
    answers in its place: the server is away."""
    try:
        return ProvenConnection(*arguments, own=True, **how)
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
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={BUSY_SECONDS}000"):
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
    # The driver's text may name host and user, never a password
    text = str(context.original_exception)[:200]
    if context.engine is not None and is_full(context.original_exception, context.engine.url):
        return ShoplaunchError("database_full", f"the controller's database: {text}")
    if context.engine is not None and is_protected(context.original_exception, context.engine.url):
        return ShoplaunchError("database_unwritable", f"the controller's database: {text}")
    if isinstance(context.sqlalchemy_exception, OperationalError):
        numbers: tuple[Any, ...] = getattr(context.original_exception, "args", ())
        repeatable = bool(numbers) and numbers[0] in _REPEATABLE
        passing = _passes(context.original_exception)
        message = f"the controller's database: {text}"
        return ShoplaunchError("database_busy", message, repeatable=repeatable, passing=passing)
    # Exactly this class, no subclass, when the file itself is no (intact) database
    if type(context.original_exception) is sqlite3.DatabaseError:
        return ShoplaunchError("database_damaged", f"the controller's database: {text}"[:200])
    return None


def _passes(problem: BaseException) -> bool:
    """Tell whether the database may answer differently at the next try."""
    if isinstance(problem, sqlite3.Error):
        return getattr(problem, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    number = problem.args[0] if problem.args else 0
    return number in _PASSING or number in _CLIENT_NUMBERS


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
    """Tell whether two transactions added the same row at once; where one writes at a time, that is impossible."""
    numbers: tuple[Any, ...] = getattr(error.orig, "args", ())
    return bool(numbers) and numbers[0] == _DUPLICATE


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
