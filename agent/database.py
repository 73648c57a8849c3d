"""The one door to the database: where it is, how to get in, what its errors mean."""

import configparser
import os
import re

import pymysql
from pymysql.constants import CLIENT

from agent.connection import OurConnection
from agent.statements import LONGEST_SECONDS, under_way
from shared.bundle import SESSION
from shared.errors import ShoplaunchError

SOCKETS = ("/var/lib/mysql/mysql.sock", "/run/mysqld/mysqld.sock", "/tmp/mysql.sock")  # noqa: S108 - where some servers really are
OPTION_FILES = ("~/.my.cnf", "/etc/my.cnf")
CONNECT_SECONDS = 10
#: A late index on a large table is one silent statement; a server that has gone is noticed earlier (agent.lock).
READ_SECONDS = LONGEST_SECONDS
#: A killed agent's connection must not hold its locks for long; ours are pinged more often than this. The last is for
#: definitions behind somebody's open transaction.
LIMITS = "wait_timeout=120, innodb_lock_wait_timeout=30, lock_wait_timeout=30"
#: What every connection begins with: the common session, in as few statements as can be. Strictly, a limit above the
#: server's own is an error, otherwise it becomes the server's; what one statement sets is judged before any of it
#: counts.
OPENING = ("SET SESSION sql_mode=''",) + SESSION[:-1] + ("{}, {}".format(SESSION[-1], LIMITS),)

ACCESS_DENIED = 1045
HOST_REFUSED = 1130
#: MySQL and MariaDB error numbers -> codes; what is not here is an error of the statement itself.
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
    # 1193: a server without InnoDB knows none of its settings, and no session of ours can begin
    "db_engine": (1193, 1286),
    "quota_reached": (1021, 1114),
    "read_only": (1290, 1836),
    # 1043: the server does not encrypt and takes the wish for it ill; the next door does not wish
    "db_unreachable": (1040, 1043, 1053, 1077, 1129, 1152, 1158, 1159, 1160, 1161, 1203, 1226, 1927, 2002, 2003, 2005,
                       2006, 2013, 2014, 2026, 2027, 2055, 4031),
    "db_error": (1020, 1180, 1205, 1206, 1213, 1317, 1399, 1614, 1615, 1637, 1969, 3024, 3572),
}  # fmt: skip
CODE_OF = {number: code for code, numbers in CODES.items() for number in numbers}


def as_database_failure(error):
    """Return exception `error` of PyMySQL as a ShoplaunchError whose message holds number and text."""
    number = error.args[0] if error.args and isinstance(error.args[0], int) else 0
    text = str(error.args[-1]) if error.args else type(error).__name__
    if isinstance(error, (pymysql.err.InterfaceError, OSError)) or (
        number == 0 and isinstance(error, pymysql.err.OperationalError)
    ):
        code = "db_unreachable"
    elif isinstance(error, RuntimeError):
        code = "db_auth_plugin"
    else:
        code = CODE_OF.get(number, "db_data_error")
    return ShoplaunchError(code, "{} {}".format(number, text)[:1000], number=number)


#: What PyMySQL raises: its own errors, sockets', and RuntimeError where a log-in needs a library that is not there.
FAILURES = (pymysql.err.Error, OSError, RuntimeError)


def connect(values):
    """Return a new connection to the job's database in the agreed session, autocommit on.

    `values` holds `db.host`, `db.port`, `db.socket`, `db.name`, `db.user`, `db.password`. Host `localhost` means the
    socket, then TCP. Raises ShoplaunchError `db_*`.
    """
    failure = None
    for door in _doors(values):
        try:
            return _open(values, door)
        except FAILURES as error:
            found = _of_the_host(values, as_database_failure(error))
        if _is_named(values, door) and found.code != "db_unreachable":
            raise found
        # A server that knows us and refuses says more than a door nobody answers at; and the better door more than the
        # next, where refusals may only mean that nothing is encrypted
        if failure is None or failure.code == "db_unreachable":
            failure = found
    if _host(values) == "localhost" and values.get("db.socket"):
        # The job's own server is away for a while: what another one on this machine says means nothing
        raise ShoplaunchError("db_unreachable", "nobody answers at {}".format(values["db.socket"]))
    raise failure


def _host(values):
    return values.get("db.host") or "localhost"


def _of_the_host(values, found):
    """Return the failure `found` of a log-in, as `db_host_refused` where the server took us for a user of another host.

    Users of this machine are made for `localhost`; over TCP a server that resolves no names knows none of that host,
    and says only that access is denied. No password would mend that.
    """
    host = re.search("@'([^']*)'", found.message)
    is_denied = found.details["number"] == ACCESS_DENIED and _host(values) == "localhost"
    if is_denied and host is not None and host.group(1) != "localhost":
        return ShoplaunchError("db_host_refused", found.message, number=ACCESS_DENIED)
    return found


def _is_named(values, door):
    """Tell whether `door` is the one the job names itself."""
    return bool(values.get("db.socket")) and door.get("unix_socket") == values["db.socket"]


def _open(values, door):
    connection = OurConnection(
        user=values["db.user"],
        password=values["db.password"],
        database=values["db.name"],
        charset="utf8mb4",
        autocommit=True,
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        # An UPDATE that finds its row but changes nothing counts as one row
        client_flag=CLIENT.FOUND_ROWS,
        **door,
    )
    try:
        for statement in OPENING:
            connection.query(statement)
        _unlimit(connection)
    except FAILURES:
        close(connection)
        raise
    return connection


def _unlimit(connection):
    """No statement is cut off by a limit the host has set for all, where the server lets us say so."""
    is_mariadb = "mariadb" in connection.get_server_info().lower()
    try:
        connection.query("SET SESSION {}=0".format("max_statement_time" if is_mariadb else "max_execution_time"))
    except FAILURES as error:
        if as_database_failure(error).code == "db_unreachable":
            raise


def _doors(values):
    """Yield the keyword arguments of each way in, most likely first."""
    host = _host(values)
    port = int(values.get("db.port") or 3306)
    if host != "localhost":
        # Encrypted where the server can; its certificate is its own affair
        yield {"host": host, "port": port, "ssl": {"check_hostname": False}}
        yield {"host": host, "port": port}
        return
    seen = set()
    for path in _sockets(values):
        if path and path not in seen and os.path.exists(path):
            seen.add(path)
            yield {"unix_socket": path}
    yield {"host": "127.0.0.1", "port": port}


def _sockets(values):
    # Files of options are read only where the job's own socket does not do
    yield values.get("db.socket", "")
    for path in _configured_sockets():
        yield path
    for path in SOCKETS:
        yield path


def _configured_sockets():
    found = []
    for name in OPTION_FILES:
        parser = configparser.RawConfigParser(allow_no_value=True, strict=False)
        try:
            with open(os.path.expanduser(name), encoding="utf-8", errors="replace") as stream:
                # Lines such as !includedir are not for this parser
                parser.read_string("".join(line for line in stream if not line.lstrip().startswith("!")))
        except (OSError, configparser.Error):
            continue
        if parser.has_option("client", "socket"):
            found.append((parser.get("client", "socket") or "").strip("\"' "))
    return found


def run(connection, statement, params=None):
    """Run one statement (str or bytes, bytes are sent as they are); return its rows as a tuple of tuples.

    Raises ShoplaunchError `db_*`.
    """
    try:
        with under_way(connection):
            connection.query(_filled(connection, statement, params))
            rows = connection._result.rows or ()
            _drain(connection)
        return rows
    except FAILURES as error:
        raise as_database_failure(error) from None


def _filled(connection, statement, params):
    """Return `statement` with `params` in the places of their marks, as it is without any (None)."""
    return statement if params is None else connection.cursor().mogrify(statement, params)


def _drain(connection):
    """What else a procedure returns is heard now: its errors are this statement's."""
    while connection._result.has_next:
        connection.next_result()


def raw(connection, statement, params=None):
    """Run one query (str) as `run` does; every column comes as bytes as the server sent it, or None."""
    try:
        with under_way(connection):
            return connection.texts(_filled(connection, statement, params).encode("utf-8", "surrogateescape"))
    except FAILURES as error:
        raise as_database_failure(error) from None


def change(connection, statement, params=None):
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


def close(connection):
    """Close `connection`; one that is broken already is closed all the same."""
    try:
        connection.close()
    except FAILURES:
        connection._force_close()


def server_version(connection):
    """Return (is MariaDB, (major, minor)) of the server."""
    text = run(connection, "SELECT VERSION()")[0][0]
    numbers = text.split("-")[0].split(".")
    return "mariadb" in text.lower(), (int(numbers[0]), int(numbers[1]))
