"""Connects to the job's database, runs statements, and maps its errors to codes."""

import re

import pymysql
from pymysql.constants import CLIENT

from agent.database.connection import OurConnection
from agent.database.door import host_of, opened
from agent.database.under_way import LONGEST_SECONDS, under_way
from shared.bundle import SESSION
from shared.database.disk_errors import FULL, cause
from shared.database.login import BUSY
from shared.errors import ShoplaunchError

MYPY = False
if MYPY:
    from typing import Any, Mapping, Sequence, Tuple

    from agent.database.door import Door

    Rows = Tuple[Tuple[Any, ...], ...]

#: Building an index of a large table is one long, silent statement; a lost server is noticed earlier (session.lock).
READ_SECONDS = LONGEST_SECONDS
#: A killed agent's connection must not hold its locks for long; live ones are pinged more often than this. The last
#: limit is for definitions that wait for another connection's open transaction.
LIMITS = "wait_timeout=120, innodb_lock_wait_timeout=30, lock_wait_timeout=30"
#: Statements of every new connection: the common session, in as few statements as possible. In strict mode a limit
#: above the server's maximum is an error, otherwise it is reduced to that; a statement checks all its values before it
#: applies any, so strict mode is turned off first.
OPENING = ("SET SESSION sql_mode=''",) + SESSION[:-1] + ("{}, {}".format(SESSION[-1], LIMITS),)

ACCESS_DENIED = 1045
HOST_REFUSED = 1130
#: MySQL and MariaDB error numbers -> codes; any other number is an error of the statement itself.
CODES = {
    # 1820, 1862: the password has expired
    "db_access_denied": (ACCESS_DENIED, 1698, 1699, 1820, 1862, 3118, 4151),
    "db_host_refused": (HOST_REFUSED,),
    "db_missing": (1049,),
    "db_auth_plugin": (1156, 1251, 1524, 2054, 2059, 2061),
    "db_privileges": (1044, 1142, 1143, 1227, 1370, 1410),
    "db_trigger_denied": (1418, 1419),
    "db_packet": (1153, 2020),
    "db_key_length": (1071, 1709),
    "db_collation": (1115, 1267, 1273),
    # 1193: a server without InnoDB does not know its settings, so the agent's sessions cannot begin
    "db_engine": (1193, 1286),
    "quota_reached": FULL,
    "read_only": (1290, 1836),
    # 1037, 1041: out of memory; 1135: no further thread
    "db_busy": (*BUSY, 1037, 1041, 1135),
    "db_unreachable": (1043, 1053, 1077, 1129, 1152, 1158, 1159, 1160, 1161, 1927, 2002, 2003, 2005, 2006, 2013, 2014,
                       2026, 2027, 2055, 4031),
    "db_error": (1020, 1180, 1205, 1206, 1213, 1317, 1399, 1614, 1615, 1637, 1969, 3024, 3572),
}  # fmt: skip
#: What the machine of the server lacks, as its text says -> code.
CODE_OF_CAUSE: "dict[str | None, str]" = {"full": "quota_reached", "read_only": "read_only", "busy": "db_busy"}
CODE_OF = {number: code for code, numbers in CODES.items() for number in numbers}


def as_database_failure(error: Exception) -> "ShoplaunchError":
    """Return PyMySQL's exception `error` as a ShoplaunchError whose message holds number and text."""
    number = error.args[0] if error.args and isinstance(error.args[0], int) else 0
    text = str(error.args[-1]) if error.args else type(error).__name__
    if isinstance(error, (pymysql.err.InterfaceError, OSError)) or (
        number == 0 and isinstance(error, pymysql.err.OperationalError)
    ):
        code = "db_unreachable"
    elif isinstance(error, RuntimeError):
        code = "db_auth_plugin"
    else:
        code = CODE_OF_CAUSE.get(cause(number, text)) or CODE_OF.get(number, "db_data_error")
    return ShoplaunchError(code, "{} {}".format(number, text)[:1000], number=number)


#: What PyMySQL raises: its own errors, socket errors, and RuntimeError where a log-in needs a missing library.
FAILURES: "tuple[type[Exception], ...]" = (pymysql.err.Error, OSError, RuntimeError)


def connect(values: "Mapping[str, str]") -> "OurConnection":
    """Return a new connection to the job's database in the agreed session, autocommit on.

    `values` holds `db.host`, `db.port`, `db.socket`, `db.name`, `db.user`, `db.password`, and depending on the server's
    settings `db.uid`, `db.tls`, `db.tls_ca`, `db.tls_pin` (see agent.database.door). The first socket that belongs to
    the server decides: its errors are final, and no other socket is tried. Raises ShoplaunchError `db_*`.
    """
    try:
        with opened(values) as door:
            return _open(values, door)
    except FAILURES as error:
        raise _of_the_host(values, as_database_failure(error)) from None


def _of_the_host(values: "Mapping[str, str]", found: "ShoplaunchError") -> "ShoplaunchError":
    """Return the log-in failure `found`, as `db_host_refused` where the server matched us to a user of another host.

    Users of this machine are created for `localhost`; over TCP, a server that does not resolve names sees an address
    instead, and only reports that access is denied. No password would help.
    """
    host = re.search("@'([^']*)'", found.message)
    is_denied = found.details["number"] == ACCESS_DENIED and host_of(values) == "localhost"
    if is_denied and host is not None and host.group(1) != "localhost":
        return ShoplaunchError("db_host_refused", found.message, number=ACCESS_DENIED)
    return found


def _open(values: "Mapping[str, str]", door: "Door") -> "OurConnection":
    connection = OurConnection(
        user=values["db.user"],
        password=values["db.password"],
        database=values["db.name"],
        charset="utf8mb4",
        autocommit=True,
        read_timeout=READ_SECONDS,
        # An UPDATE that finds its row but changes nothing counts as one row
        client_flag=CLIENT.FOUND_ROWS,
        defer_connect=True,
        host=host_of(values),
        # Named explicitly: `ssl=None` would leave the choice to the server
        **({"ssl": door.encryption} if door.encryption else {"ssl_disabled": True}),
    )
    connection.log_in(door.found, door.exchange, door.proven)
    try:
        for statement in OPENING:
            connection.query(statement)
        _unlimit(connection)
    except BaseException:
        close(connection)
        raise
    return connection


def _unlimit(connection: "OurConnection") -> None:
    """Turn off the server's default time limit for statements, where the server permits it."""
    is_mariadb = "mariadb" in connection.get_server_info().lower()
    try:
        connection.query("SET SESSION {}=0".format("max_statement_time" if is_mariadb else "max_execution_time"))
    except FAILURES as error:
        if as_database_failure(error).code == "db_unreachable":
            raise


def run(connection: "OurConnection", statement: "str | bytes", params: "Sequence[object] | None" = None) -> "Rows":
    """Run one statement (str or bytes, bytes are sent as they are); return its rows as a tuple of tuples.

    Raises ShoplaunchError `db_*`.
    """
    try:
        with under_way(connection):
            connection.query(_filled(connection, statement, params))
            rows: "Rows" = connection._result.rows or ()
            _drain(connection)
        return rows
    except FAILURES as error:
        raise as_database_failure(error) from None


def _filled(connection: "OurConnection", statement: "str | bytes", params: "Sequence[object] | None") -> "str | bytes":
    """Return `statement` with `params` in place of its marks; unchanged when `params` is None, or where it is bytes."""
    if params is None or isinstance(statement, bytes):
        return statement
    return connection.cursor().mogrify(statement, params)


def _drain(connection: "OurConnection") -> None:
    """Read the further results of a procedure now: their errors belong to this statement."""
    while connection._result.has_next:
        connection.next_result()


def raw(
    connection: "OurConnection", statement: str, params: "Sequence[object] | None" = None
) -> "list[tuple[bytes | None, ...]]":
    """Run one query (str) like `run`; every value is bytes as the server sent it, or None."""
    try:
        with under_way(connection):
            filled = _filled(connection, statement, params)
            return connection.texts(filled.encode("utf-8", "surrogateescape") if isinstance(filled, str) else filled)
    except FAILURES as error:
        raise as_database_failure(error) from None


def change(
    connection: "OurConnection", statement: "str | bytes", params: "Sequence[object] | None" = None
) -> "tuple[int, int]":
    """Run one changing statement (str with parameters, or bytes); return (affected rows, warnings).

    Raises ShoplaunchError `db_*`.
    """
    try:
        with under_way(connection):
            affected = connection.query(_filled(connection, statement, params))
            _drain(connection)
        return affected, connection._result.warning_count
    except FAILURES as error:
        raise as_database_failure(error) from None


def close(connection: "OurConnection") -> None:
    """Close `connection`, also one that is broken already."""
    try:
        connection.close()
    except FAILURES:
        connection._force_close()


def server_version(connection: "OurConnection") -> "tuple[bool, tuple[int, int]]":
    """Return (is MariaDB, (major, minor)) of the server."""
    text = run(connection, "SELECT VERSION()")[0][0]
    numbers = text.split("-")[0].split(".")
    return "mariadb" in text.lower(), (int(numbers[0]), int(numbers[1]))
