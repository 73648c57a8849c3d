"""Databases, database users and privileges of accounts, through the server's Unix socket as root."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

import pymysql
from pymysql.constants import ER
from pymysql.cursors import Cursor

from controller.database_client import ProvenConnection
from controller.panels.base import TEMPORARY
from controller.panels.local.settings import LocalSettings
from shared.errors import ShoplaunchError

CONNECT_SECONDS = 10
STATEMENT_SECONDS = 120
#: MySQL's limit for user names; MariaDB allows more.
MAX_NAME_BYTES = 32
SUFFIX = "_shop"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}\Z")
#: An account called as a longer one's names are shortened would have that one's database.
_LIKE_SHORTENED = re.compile(r".{14,16}__[0-9a-f]{8}\Z")
ER_ACCESS_DENIED_NO_PASSWORD = 1698
_DENIED = (ER.ACCESS_DENIED_ERROR, ER.DBACCESS_DENIED_ERROR, ER_ACCESS_DENIED_NO_PASSWORD)


def names_of(user: str) -> tuple[str, str]:
    """Return (database, database user) of an account: a unique pair for each account."""
    name = user + SUFFIX
    if len(name) > MAX_NAME_BYTES or _LIKE_SHORTENED.match(user):
        digest = hashlib.sha256(user.encode("ascii")).hexdigest()[:8]
        name = f"{user[:16]}__{digest}{SUFFIX}"
    return name, name


def temporary_name(user: str, job_id: str) -> str:
    """Return the name of a database user of an account for one job alone."""
    name = f"{user}_{TEMPORARY}{job_id[:5]}"
    if len(name) > MAX_NAME_BYTES or _LIKE_SHORTENED.match(user):
        digest = hashlib.sha256(user.encode("ascii")).hexdigest()[:8]
        name = f"{user[:14]}__{digest}_{TEMPORARY}{job_id[:5]}"
    return name


def _is_temporary(account: str, name: str) -> bool:
    """Return whether `name` is that of a database user for one job of the account."""
    # An account's own names end with "_shop", which no job's id does: `ab_sl` is another account than `ab`
    job = name[-5:]
    return job.isalnum() and name == temporary_name(account, job)


class Databases:
    """The server's databases. Each method opens its own connection."""

    def __init__(self, settings: LocalSettings) -> None:
        self._settings = settings

    @contextmanager
    def cursor(self) -> Iterator[Cursor]:
        """Yield a cursor as the server's root. Raises panel_unreachable, panel_refused."""
        try:
            connection = self._connect(self._settings.mariadb_user, None)
        except pymysql.MySQLError as error:
            raise _failure(error) from None
        try:
            with connection.cursor() as cursor:
                yield cursor
        except pymysql.MySQLError as error:
            raise _failure(error) from None
        finally:
            connection.close()

    def _connect(self, user: str, password: str | None) -> pymysql.Connection[Any]:
        return ProvenConnection(
            socket_uid=self._settings.mariadb_uid or None,
            unix_socket=self._settings.mariadb_socket,
            user=user,
            # By default the library encodes as Latin-1 and fails for anything else.
            password=(password or "").encode("utf-8"),
            charset="utf8mb4",
            autocommit=True,
            connect_timeout=CONNECT_SECONDS,
            read_timeout=STATEMENT_SECONDS,
            write_timeout=STATEMENT_SECONDS,
            # Nobody else reads a socket of this machine, and a TLS handshake takes longer than most statements
            ssl_disabled=True,
        )

    def ensure_database(self, account: str, database: str) -> None:
        """Ensure that the database exists. Raises panel_refused for a name that is not the account's."""
        self._check_names(account, database)
        with self.cursor() as cursor:
            cursor.execute("SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = %s", (database,))
            if cursor.fetchone() is None:
                cursor.execute(f"CREATE DATABASE IF NOT EXISTS `{database}` CHARACTER SET utf8mb4")

    def has_database(self, account: str, database: str) -> bool:
        """Return whether the database exists."""
        self._check_names(account, database)
        with self.cursor() as cursor:
            cursor.execute("SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = %s", (database,))
            return cursor.fetchone() is not None

    def has_user(self, account: str, user: str) -> bool:
        """Return whether a user of that name may log in, from any host."""
        self._check_names(account, user)
        with self.cursor() as cursor:
            cursor.execute("SELECT 1 FROM mysql.user WHERE User = %s LIMIT 1", (user,))
            return cursor.fetchone() is not None

    def holds_tables(self, account: str, database: str) -> bool:
        """Return whether the database holds tables, views or routines."""
        self._check_names(account, database)
        with self.cursor() as cursor:
            for view in ("TABLES WHERE TABLE_SCHEMA", "ROUTINES WHERE ROUTINE_SCHEMA", "EVENTS WHERE EVENT_SCHEMA"):
                cursor.execute(f"SELECT 1 FROM information_schema.{view} = %s LIMIT 1", (database,))
                if cursor.fetchone() is not None:
                    return True
        return False

    def ensure_user(self, account: str, user: str, password: str) -> None:
        """Ensure that the user can log in from this machine with `password`. Raises panel_refused otherwise."""
        self._check_names(account, user)
        if self._logs_in(user, password):
            return
        with self.cursor() as cursor:
            # Two statements, so that the next call completes an interrupted one.
            cursor.execute("CREATE USER IF NOT EXISTS %s@'localhost' IDENTIFIED BY %s", (user, password))
            cursor.execute("ALTER USER %s@'localhost' IDENTIFIED BY %s", (user, password))
        if not self._logs_in(user, password):
            raise ShoplaunchError("panel_refused", f"the database user {user} cannot log in with its new password")

    def limit_connections(self, users: Collection[str]) -> None:
        """Let none of the `users` hold all of the server's connections; a limit that somebody has set stays."""
        most = self._settings.mariadb_connections
        with self.cursor() as cursor:
            cursor.execute("SELECT User FROM mysql.user WHERE Host = 'localhost' AND max_user_connections = 0")
            for user in {str(row[0]) for row in cursor.fetchall()}.intersection(users):
                cursor.execute("ALTER USER %s@'localhost' WITH MAX_USER_CONNECTIONS %s", (user, most))

    def _logs_in(self, user: str, password: str) -> bool:
        try:
            self._connect(user, password).close()
        except pymysql.MySQLError as error:
            if error.args and error.args[0] in _DENIED:
                return False
            raise _failure(error) from None
        return True

    def ensure_privileges(self, account: str, database: str, user: str) -> None:
        """Ensure that the user has every privilege on the database, and on no other."""
        self._check_names(account, database)
        self._check_names(account, user)
        with self.cursor() as cursor:
            if not self._granted(cursor, database, user):
                # An underscore is a wildcard here, unlike everywhere else.
                pattern = database.replace("_", "\\_")
                cursor.execute(f"GRANT ALL PRIVILEGES ON `{pattern}`.* TO %s@'localhost'", (user,))
                if not self._granted(cursor, database, user):
                    raise ShoplaunchError("panel_refused", f"{user} did not get its privileges on {database}")

    @staticmethod
    def _granted(cursor: Cursor, database: str, user: str) -> bool:
        pattern = database.replace("_", "\\_")
        cursor.execute("SHOW GRANTS FOR %s@'localhost'", (user,))
        wanted = f"GRANT ALL PRIVILEGES ON `{pattern}`.* TO "
        return any(str(row[0]).startswith(wanted) for row in cursor.fetchall())

    def remove(self, account: str) -> None:
        """Remove the account's database and all its database users; end their connections."""
        database, user = names_of(account)
        for name in (user, *self._temporary_users(account)):
            # Privileges outlive their database, and would apply to the next one of that name
            self.remove_user(account, name)
        self.remove_database(account, database)

    def _temporary_users(self, account: str) -> list[str]:
        """Return the existing temporary users of the account's jobs."""
        with self.cursor() as cursor:
            cursor.execute("SELECT DISTINCT User FROM mysql.user")
            found = [str(row[0]) for row in cursor.fetchall()]
        return [name for name in found if _is_temporary(account, name)]

    def remove_user(self, account: str, user: str) -> None:
        """Remove the user and end its connections. Raises panel_refused when it is still there."""
        self._check_names(account, user)
        with self.cursor() as cursor:
            cursor.execute("DROP USER IF EXISTS %s@'localhost'", (user,))
            cursor.execute("SELECT ID FROM information_schema.PROCESSLIST WHERE USER = %s", (user,))
            for (identity,) in cursor.fetchall():
                self._end(cursor, int(identity))
            cursor.execute("SELECT 1 FROM mysql.user WHERE User = %s AND Host = 'localhost'", (user,))
            if cursor.fetchone() is not None:
                raise ShoplaunchError("panel_refused", f"the database user {user} is still there")

    def remove_database(self, account: str, database: str) -> None:
        """Remove the database. Raises panel_refused when it is still there."""
        self._check_names(account, database)
        with self.cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS `{database}`")
        if self.has_database(account, database):
            raise ShoplaunchError("panel_refused", f"the database {database} is still there")

    @staticmethod
    def _end(cursor: Cursor, identity: int) -> None:
        try:
            cursor.execute("KILL CONNECTION %s", (identity,))
        except pymysql.MySQLError as error:
            # It ended by itself meanwhile.
            if error.args[0] != ER.NO_SUCH_THREAD:
                raise

    @staticmethod
    def _check_names(account: str, name: str) -> None:
        if not _NAME.match(name) or not (name in names_of(account) or _is_temporary(account, name)):
            raise ShoplaunchError("panel_refused", f"{name[:70]!r} is not a database name of {account}")


def _failure(error: pymysql.MySQLError) -> ShoplaunchError:
    """Return the server's error as a ShoplaunchError; PyMySQL's messages never repeat parameters of a login."""
    number = error.args[0] if error.args else 0
    text = str(error.args[1])[:200] if len(error.args) > 1 else str(error)[:200]
    if isinstance(error, pymysql.err.OperationalError) and (number == 0 or 2000 <= number < 3000):
        return ShoplaunchError("panel_unreachable", f"the database server does not answer: {text}")
    if number == ER.PARSE_ERROR:
        # The server quotes the statement, which may hold a password.
        text = "a statement was not understood"
    return ShoplaunchError("panel_refused", f"the database server refused ({number}): {text}")
