"""Opens the packer's database connections: parses a database URL, sets up the common session, returns raw rows."""

from __future__ import annotations

import getpass
import os
import re
import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pymysql
import pymysql.cursors
from pymysql.constants import CLIENT

from controller.database_client import OfferedTls, ProvenConnection
from shared.bundle import SESSION
from shared.database import disk_errors
from shared.database.unix_socket import SOCKETS
from shared.errors import ShoplaunchError

PASSWORD_VARIABLE = "SHOPLAUNCH_SOURCE_PASSWORD"  # noqa: S105 - a name, not a password
SCRATCH_PASSWORD_VARIABLE = "SHOPLAUNCH_SCRATCH_PASSWORD"  # noqa: S105 - a name, not a password
CONNECT_SECONDS = 10
#: Time limit of one statement of a foreign dump on a scratch server; a template's largest tables take a fraction of it.
STATEMENT_SECONDS = 3600
#: Error codes for the two servers the packer connects to.
SOURCE = "source_database"
SCRATCH = "scratch_failed"
#: The server has not proven its identity.
UNPROVEN = ("db_socket_foreign", "db_socket_unnamed", "db_auth_unsafe", "db_auth_plugin")
#: The connection or the server is gone: the client's own error, ER_SERVER_SHUTDOWN, ER_QUERY_INTERRUPTED,
#: ER_CONNECTION_KILLED, CR_SERVER_GONE_ERROR, CR_SERVER_LOST.
_LOST = frozenset({0, 1053, 1317, 1927, 2006, 2013})
_TIMED_OUT = re.compile(r"timed out\)\Z")
#: ER_WARNING_NON_DEFAULT_VALUE_FOR_GENERATED_COLUMN: a dump holds a value that the server computes itself.
_VALUE_COMPUTED = b"1906"
#: Receives the name of the current work: `work("scratch server")`.
Work = Callable[[str], None]
#: A row as the server sent it: every column as text, None for NULL.
Row = tuple[bytes | None, ...]


@dataclass(frozen=True)
class Address:
    """Location and login of a database; `socket` takes precedence over host and port.

    With `tls` the connection is encrypted where the server offers it; with `ca`, a file of certificates, TLS is
    required, and the server's name is verified.
    """

    host: str
    port: int
    socket: str | None
    user: str
    password: str = field(repr=False)
    database: str | None
    tls: bool = True
    ca: str = ""

    def with_database(self, database: str | None) -> Address:
        """Return an Address of the same server and user with another database."""
        return replace(self, database=database)


def parse_url(url: str, code: str, variable: str = PASSWORD_VARIABLE) -> Address:
    """Return the Address of `mysql://user:password@host:port/database?unix_socket=...` (or `ssl_ca=FILE`).

    A password missing from the URL comes from the environment's `variable`: each server has its own, so that the
    template's password never reaches another server. Raises ShoplaunchError `code`.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or 3306
    except ValueError:
        raise ShoplaunchError(code, "the database URL is none: its host or port cannot be read") from None
    if parts.scheme.split("+")[0] not in ("mysql", "mariadb"):
        raise ShoplaunchError(code, "the database URL must start with mysql:// or mariadb://")
    options = parse_qs(parts.query)
    unknown = set(options) - {"unix_socket", "socket", "charset", "ssl_ca"}
    if unknown:
        raise ShoplaunchError(code, f"the database URL has an unknown option {sorted(unknown)[0]!r}")
    password = unquote(parts.password) if parts.password is not None else os.environ.get(variable, "")
    sockets = options.get("unix_socket", []) + options.get("socket", [])
    return Address(
        host=parts.hostname or "localhost",
        port=port,
        socket=sockets[0] if sockets else None,
        user=unquote(parts.username) if parts.username else getpass.getuser(),
        password=password,
        database=unquote(parts.path.lstrip("/")) or None,
        ca=options.get("ssl_ca", [""])[0],
    )


class Refused(ShoplaunchError):
    """A healthy server refused a statement; `number` is its error's. The statement's purpose determines the code."""

    def __init__(self, code: str, number: int, message: str) -> None:
        super().__init__(code, message)
        self.number = number


class Connection:
    """One connection in the common session of packer and agent (shared.bundle.SESSION), autocommit on.

    `code` is SOURCE or SCRATCH, `place` says where the server is. Every method raises ShoplaunchError `code` or
    `disk_full` when the server is in trouble, and Refused when it refuses the statement.
    """

    def __init__(self, raw: Any, code: str, place: str) -> None:
        self._raw = raw
        self._code = code
        self._place = place
        self._process = os.getpid()

    def query(self, sql: str | bytes) -> int:
        """Run one statement as it is; return the number of affected rows."""
        with self._translated_errors():
            return int(self._raw.query(sql if isinstance(sql, bytes) else sql.encode("utf-8")))

    def run(self, sql: str, params: Sequence[str | int] = ()) -> tuple[int, list[Row]]:
        """Run one statement; return (affected rows, rows)."""
        with self._translated_errors(), self._raw.cursor() as cursor:
            affected = cursor.execute(sql, tuple(params) or None)
            return affected, list(cursor.fetchall())

    def rows(self, sql: str, params: Sequence[str | int] = ()) -> list[Row]:
        """Return all rows of a query."""
        return self.run(sql, params)[1]

    def one(self, sql: str, params: Sequence[str | int] = ()) -> Row:
        """Return the first row of a query that has one."""
        return self.rows(sql, params)[0]

    def names(self, sql: str, params: Sequence[str | int] = ()) -> list[str]:
        """Return the first column of every row as text."""
        return [text(row[0]) for row in self.rows(sql, params)]

    def stream(self, sql: str) -> Iterator[Row]:
        """Yield the rows of a query as they come from the server."""
        with self._translated_errors(), self._raw.cursor(pymysql.cursors.SSCursor) as cursor:
            cursor.execute(sql)
            yield from cursor

    def warnings(self) -> list[str]:
        """Return the warnings of the last statement that mean lost data."""
        rows = self.rows("SHOW WARNINGS")
        return [text(row[2]) for row in rows if row[0] != b"Note" and row[1] != _VALUE_COMPUTED]

    @property
    def warning_count(self) -> int:
        """The number of warnings and notes of the last statement."""
        return int(self._raw._result.warning_count)

    @property
    def said(self) -> bytes:
        """The server's info about the last statement: how many rows it matched, and how many of these it changed."""
        return bytes(self._raw._result.message or b"")

    def filled(self, sql: str, params: Sequence[str]) -> str:
        """Return a statement with its parameters, as it is sent."""
        with self._raw.cursor() as cursor:
            return str(cursor.mogrify(sql, tuple(params) or None))

    def close(self) -> None:
        """Close the connection, also one that is already lost."""
        if self._raw.open:
            self._raw.close()

    @contextmanager
    def _translated_errors(self) -> Iterator[None]:
        # A forked process shares the socket: both would use it at once
        assert os.getpid() == self._process, "a connection is for the process that made it"
        try:
            yield
        except pymysql.MySQLError as problem:
            raise self._failure(int(problem.args[0]), str(problem.args[-1])[:500]) from problem

    def _failure(self, number: int, said: str) -> ShoplaunchError:
        if self._code == SCRATCH and _TIMED_OUT.search(said):
            # The server may be healthy; the statement itself may never end
            return Refused(self._code, number, f"it does not end within {STATEMENT_SECONDS} s")
        if number in _LOST:
            return ShoplaunchError(self._code, said or "the connection is closed")
        if disk_errors.cause(number, said) == "full":
            return ShoplaunchError("disk_full", f"the database server at {self._place}: {said}")
        return Refused(self._code, number, said)


def connect(address: Address, code: str, *, counts_found: bool = False) -> Connection:
    """Return a Connection. Raises ShoplaunchError `code` (never with the password).

    With `counts_found`, rows that a statement matches but need not change count as affected.
    """
    try:
        seconds = STATEMENT_SECONDS if code == SCRATCH else None
        raw = _opened(address, CLIENT.FOUND_ROWS if counts_found else 0, seconds)
        connection = Connection(raw, code, raw.unix_socket or f"{address.host}:{address.port}")
        for statement in SESSION:
            connection.query(statement)
        return connection
    except pymysql.MySQLError as problem:
        raise ShoplaunchError(code, f"{address.user}@{address.host}: {problem.args[-1]}") from problem
    except ShoplaunchError as problem:
        if problem.code not in UNPROVEN:
            raise
        what = "name the server's own socket (unix_socket=…), or its authority (ssl_ca=FILE)"
        raise ShoplaunchError(code, f"{address.user}@{address.host}: {problem.message}; {what}") from None


def _opened(address: Address, flags: int, seconds: int | None) -> Any:
    how: dict[str, Any] = {"ssl": _verified(address.ca)} if address.ca else {"ssl_disabled": not address.tls}
    # A user without a password has none to lose; and the packer's own servers may run under any user
    kind = partial(ProvenConnection, own=True) if address.password else OfferedTls
    return kind(
        host=address.host,
        port=address.port,
        unix_socket=_socket_of(address),
        user=address.user,
        password=address.password,
        database=address.database,
        charset="utf8mb4",
        use_unicode=False,
        conv={},
        autocommit=True,
        connect_timeout=CONNECT_SECONDS,
        read_timeout=seconds,
        max_allowed_packet=1 << 30,
        client_flag=flags,
        **how,
    )


def _verified(file: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=file)
    except (OSError, ssl.SSLError):
        raise ShoplaunchError(SOURCE, f"ssl_ca: {file} holds no certificates (PEM)") from None


def text(value: bytes | None) -> str:
    """Return a column as text; NULL as the text NULL."""
    return "NULL" if value is None else value.decode("utf-8")


def name(identifier: str) -> str:
    """Return an identifier quoted for SQL."""
    return "`" + identifier.replace("`", "``") + "`"


def _socket_of(address: Address) -> str | None:
    """Return the socket to connect to, None for a port. Raises ShoplaunchError `db_socket_unnamed`."""
    if address.socket:
        return address.socket
    if address.host != "localhost":
        return None
    found = next((path for path in SOCKETS if os.path.exists(path)), None)  # noqa: PTH110
    if found is None and not address.ca:
        # Any user of this machine may listen on a port
        message = "localhost means a socket, and there is none where servers have it; for a port write 127.0.0.1"
        raise ShoplaunchError("db_socket_unnamed", message)
    return found
