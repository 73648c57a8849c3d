"""Manages scratch databases, on a private server or the operator's, and users restricted to them."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cache

from controller.bundles.source.dumps.splitter import Server
from controller.bundles.source.servers.connections import (
    SCRATCH,
    SCRATCH_PASSWORD_VARIABLE,
    Address,
    Connection,
    Refused,
    Work,
    connect,
    parse_url,
    text,
)
from controller.bundles.source.servers.private_server import private_server
from controller.bundles.source.servers.scratch_room import Room
from shared.errors import ShoplaunchError

_PREFIX = "shoplaunch_scratch_"
#: The user who loads a foreign dump, and the one who tries its packed form.
LOADER, TRIAL = "dump", "trial"
_RIGHTS = (
    "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, REFERENCES, INDEX, ALTER, CREATE TEMPORARY TABLES, LOCK TABLES,"
    " CREATE VIEW, SHOW VIEW, CREATE ROUTINE, ALTER ROUTINE, EXECUTE, TRIGGER"
)
#: Global privileges that give no access to files or other databases.
_HARMLESS = frozenset({"USAGE", "PROCESS", "SHOW DATABASES", "RELOAD", "REPLICATION CLIENT", "BINLOG MONITOR"})
_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")
_GRANT = re.compile(r"GRANT (.*?) ON (?:(?:TABLE|FUNCTION|PROCEDURE) )?(\S+) TO ")


@dataclass(frozen=True)
class _User:
    """The user of a database: its address, and its name in statements; "" for one that existed before."""

    address: Address
    account: str = ""


class Scratch:
    """Scratch databases on a server; `close` drops every one made here, and their users.

    `address` returns the administrator's: it is called at the first use of the server, and may start it then.
    """

    def __init__(self, address: Callable[[], Address], *, is_private: bool, room: Room | None = None) -> None:
        #: The server's, where it is the packer's own.
        self.room = room or Room()
        self._address = cache(address)
        self._is_private = is_private
        self._made: dict[str, str] = {}
        self._users: dict[str, _User] = {}

    def server(self) -> Server:
        """Return the server's kind and version."""
        with self._administrator() as connection:
            said = text(connection.one("SELECT VERSION()")[0])
        # MariaDB may report 5.5.5 first, for old clients
        found = _VERSION.search(said.removeprefix("5.5.5-"))
        major, minor, patch = map(int, found.groups()) if found else (5, 5, 5)
        return Server("mariadb" in said.lower(), major * 10000 + minor * 100 + patch)

    def new_database(self, collation: str = "utf8mb4_general_ci", role: str = TRIAL) -> str:
        """Make an empty database for the user of `role` and return its name.

        Raises ShoplaunchError `scratch_failed`, `scratch_too_powerful`.
        """
        name = f"{_PREFIX}{secrets.token_hex(6)}"
        with self._administrator() as connection:
            charset = collation.split("_", 1)[0]
            connection.query(f"CREATE DATABASE `{name}` CHARACTER SET {charset} COLLATE {collation}")
            self._made[name] = role
            self._grant(connection, name, role)
        return name

    @contextmanager
    def connection(self, database: str, *, counts_found: bool = False) -> Iterator[Connection]:
        """Yield a connection to one of the databases as its user, as `connections.connect` makes it."""
        user = self._users[self._made[database]]
        connection = connect(user.address.with_database(database), SCRATCH, counts_found=counts_found)
        try:
            yield connection
        finally:
            connection.close()

    def close(self) -> None:
        """Drop every database and user made here."""
        if not self._made:
            return
        with self._administrator() as connection:
            for user in self._users.values():
                _end_statements(connection, user)
            while self._made:
                connection.query(f"DROP DATABASE IF EXISTS `{self._made.popitem()[0]}`")
            for role in list(self._users):
                self._drop(connection, role)

    @contextmanager
    def _administrator(self) -> Iterator[Connection]:
        connection = connect(self._address(), SCRATCH)
        try:
            yield connection
        finally:
            connection.close()

    def _grant(self, connection: Connection, database: str, role: str) -> None:
        """Grant the user of `role` access to a database; create the user first if needed."""
        try:
            if role not in self._users:
                self._users[role] = self._new_user(connection, role)
            user = self._users[role]
            if user.account:
                pattern = database.replace("_", "\\_")
                connection.query(f"GRANT {_RIGHTS} ON `{pattern}`.* TO {user.account}")
                connect(user.address.with_database(database), SCRATCH).close()
        except ShoplaunchError as problem:
            if self._is_private or problem.code != SCRATCH:
                raise
            require_harmless(connection, problem.message)
            # The account may not create users, and has no more rights than such a user would have
            self._drop(connection, role)
            self._users[role] = _User(self._address())

    def _new_user(self, connection: Connection, role: str) -> _User:
        name = f"shoplaunch_{role}_{secrets.token_hex(4)}"
        # Capitals, digits and signs satisfy servers with a password policy
        password = "" if self._is_private else f"Aa1!{secrets.token_hex(24)}"
        host = text(connection.one("SELECT SUBSTRING_INDEX(USER(), '@', -1)")[0])
        user = _User(replace(self._address(), user=name, password=password), f"'{name}'@'{host}'")
        connection.run(f"CREATE USER {user.account} IDENTIFIED BY %s", (password,))
        return user

    def _drop(self, connection: Connection, role: str) -> None:
        user = self._users.pop(role, None)
        if user is not None and user.account:
            connection.query(f"DROP USER IF EXISTS {user.account}")


def _end_statements(connection: Connection, user: _User) -> None:
    """End running statements of a user made here: they would lock the tables to be dropped."""
    if not user.account:
        return
    ids = connection.names("SELECT ID FROM information_schema.PROCESSLIST WHERE USER = %s", (user.address.user,))
    for one in ids:
        # It has ended by itself, or we lack the privilege: then dropping reports the error
        with suppress(Refused):
            connection.query(f"KILL {int(one)}")


def require_harmless(connection: Connection, reason: str) -> None:
    """Raise ShoplaunchError `scratch_too_powerful` if the connection's user can access more than scratch databases.

    `reason` says why no other user can be made.
    """
    for grant in connection.names("SHOW GRANTS"):
        found = _GRANT.match(grant)
        if found is None or not _is_harmless(*found.groups()):
            shown = grant.partition(" TO ")[0][:120]
            message = f"a dump would be loaded with {shown!r}, and no user with fewer rights can be made: {reason}"
            raise ShoplaunchError("scratch_too_powerful", message[:500])


def _is_harmless(rights: str, place: str) -> bool:
    named = {one.strip() for one in rights.split(",")}
    if place == "*.*":
        return named <= _HARMLESS
    return place.replace("\\", "").strip("`'\"").startswith(_PREFIX)


@contextmanager
def open_scratch(url: str | None, work: Work) -> Iterator[Scratch]:
    """Yield a Scratch on the server at `url`, or on a private server started on demand; everything is removed again.

    `work(phase)` is called for what takes long. Raises ShoplaunchError `scratch_failed`, also at the first use.
    """
    if url is None:
        with ExitStack() as stack:
            room = Room()
            yield Scratch(lambda: stack.enter_context(private_server(work, room)), is_private=True, room=room)
        return
    address = parse_url(url, SCRATCH, SCRATCH_PASSWORD_VARIABLE)
    scratch = Scratch(lambda: address, is_private=False)
    try:
        yield scratch
    finally:
        scratch.close()
