"""Connections to PostgreSQL: the server proves itself before it hears the password, and every text can be stored.

At a Unix socket the folders above it and the user who listens are checked (shared.database.unix_socket). Over TCP the
server is asked for SCRAM, which reveals no password and proves that the server knows it too, unless a verified
certificate proves its identity.
"""

from __future__ import annotations

import functools
import pwd
from contextlib import closing
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from shared.database import unix_socket
from shared.errors import ShoplaunchError

if TYPE_CHECKING:
    from psycopg.abc import Buffer

    # Imported here: most installations have no PostgreSQL
    from psycopg.types.string import StrDumperUnknown

_TIMEOUT_SECONDS = 10
#: What a URL may set differently. A server whose machine is gone is noticed within a minute; a statement is prepared
#: for one execution, as a pooler may hand the next one to another of the server's processes.
_DEFAULTS: dict[str, Any] = {
    "application_name": "shoplaunch", "client_encoding": "utf8", "connect_timeout": _TIMEOUT_SECONDS,
    "keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3, "tcp_user_timeout": 60_000,
    "prepare_threshold": None,
}  # fmt: skip
#: Options by the names they have in a URL of MariaDB -> the driver's.
_ALSO = {"ssl_ca": "sslrootcert", "ssl_cert": "sslcert", "ssl_key": "sslkey"}
#: Where Debian's and Red Hat's servers put their sockets.
_SOCKETS = "/var/run/postgresql"
_PORT = "5432"
#: With a password in the URL the server has to prove that it knows it; a password from elsewhere is not revealed.
_PROVES, _REVEALS_NOTHING = "scram-sha-256", "!password,!md5"
#: How libpq says that the server asks for another way of logging in.
_REFUSED = "authentication method requirement"


def prepare(engine: sa.Engine, lock_seconds: int) -> None:
    """Let `engine` connect as this module says; a statement waits `lock_seconds` for a lock."""

    @sa.event.listens_for(engine, "do_connect")
    def connect(_dialect: object, _record: object, arguments: object, how: dict[str, object]) -> object:
        return _connected(arguments, how)

    @sa.event.listens_for(engine, "connect")
    def set_up(connection: Any, _record: Any) -> None:
        connection.adapters.register_dumper(str, _storable())
        with connection.cursor() as cursor:
            cursor.execute(f"SET lock_timeout = '{lock_seconds}s'")
        connection.commit()


def _connected(arguments: Any, how: dict[str, Any]) -> Any:
    """Return a connection. Raises database_busy while another process answers in the server's place, config_invalid for
    options that there are not, psycopg.Error."""
    # Imported here: most installations have no PostgreSQL
    import psycopg

    how = _named({**_DEFAULTS, **how})
    try:
        return psycopg.connect(*arguments, **_proven(how))
    except psycopg.ProgrammingError as problem:
        text = " ".join(str(problem).split())[:200]
        raise ShoplaunchError("config_invalid", f"database_url: {text}") from None
    except psycopg.OperationalError as problem:
        if _REFUSED not in str(problem):
            raise
        what = "Give the user a password for scram-sha-256 (password_encryption), or name ?ssl_ca=FILE in database_url"
        why = "the server asks for the password in a form that would reveal it; it was not sent"
        raise _unproven(why, what) from None


def _named(how: dict[str, object]) -> dict[str, object]:
    """Return the options by the driver's names."""
    found = {_ALSO.get(name, name): value for name, value in how.items()}
    if "ssl_ca" in how:
        found.setdefault("sslmode", "verify-full")
    return found


def _proven(how: dict[str, Any]) -> dict[str, Any]:
    """Return the options with what proves the server. Raises database_busy, psycopg.OperationalError."""
    uid = how.pop("socket_uid", None)
    how["host"] = how.get("host") or _SOCKETS
    hosts = str(how["host"]).split(",")
    ports = str(how.get("port") or _PORT).split(",")
    places = [(host, ports[min(number, len(ports) - 1)] or _PORT) for number, host in enumerate(hosts)]
    listeners = _listeners(places, None if uid is None else int(uid))
    how["host"], how["port"] = (",".join(place[number] for place, _ in listeners) for number in (0, 1))
    over_tcp = how.get("hostaddr") or any(not host.startswith("/") for (host, _), _ in listeners)
    names = {name for (host, _), name in listeners if host.startswith("/")}
    if len(names) == 1 and None not in names:
        # Checked again by the driver, on its own connection
        how.setdefault("requirepeer", names.pop())
    if over_tcp and not _is_verified(how):
        how.setdefault("require_auth", _PROVES if how.get("password") else _REVEALS_NOTHING)
    return how


def _is_verified(how: dict[str, object]) -> bool:
    """Return whether the server's certificate has to be valid for its name."""
    default = "verify-full" if how.get("sslrootcert") == "system" else ""
    return bool(how.get("sslmode", default) == "verify-full")


def _listeners(places: list[tuple[str, str]], uid: int | None) -> list[tuple[tuple[str, str], str | None]]:
    """Return the (host, port) of each server with the name of the user who listens at its socket, None over TCP. Of
    several servers those whose sockets are dead are left out. Raises database_busy, psycopg.OperationalError."""
    # Imported here: most installations have no PostgreSQL
    import psycopg

    found: list[tuple[tuple[str, str], str | None]] = []
    for host, port in places:
        try:
            name = _listener(f"{host}/.s.PGSQL.{port}", uid) if host.startswith("/") else None
        except psycopg.OperationalError:
            if len(places) == 1:
                raise
            continue
        found.append(((host, port), name))
    if not found:
        raise psycopg.OperationalError(f"Can't connect to any of {', '.join(host for host, _ in places)}")
    return found


def _listener(path: str, uid: int | None) -> str | None:
    """Return the name of the user whose server listens at the socket, None where it has no name here."""
    # Imported here: most installations have no PostgreSQL
    import psycopg

    try:
        found = unix_socket.connect(path, _TIMEOUT_SECONDS, uid, own=True, kind=unix_socket.POSTGRESQL)
    except OSError as error:
        raise psycopg.OperationalError(f"Can't connect to {path} ({error})") from None
    except ShoplaunchError as error:
        what = "its socket's folder (?host=FOLDER, with &socket_uid=NUMBER for a user of another name) or ?ssl_ca=FILE"
        raise _unproven(f"{error.message}; nothing was sent", f"Name {what} in database_url") from None
    with closing(found):
        try:
            return pwd.getpwuid(unix_socket.peer_uid(found)).pw_name
        except KeyError:
            return None


def _unproven(why: str, what: str) -> ShoplaunchError:
    """Return the failure: the server does not prove itself, so for the controller it is away."""
    return ShoplaunchError("database_busy", f"the controller's database: {why}. {what}")


@functools.cache
def _storable() -> type[StrDumperUnknown]:
    """Return how texts are sent: with a sign in place of NUL, which PostgreSQL alone does not store."""
    # Imported here: most installations have no PostgreSQL
    from psycopg.types.string import StrDumperUnknown

    class Storable(StrDumperUnknown):
        """Sends a text."""

        def dump(self, obj: str) -> Buffer | None:
            """Return the text's bytes."""
            return super().dump(obj.replace("\0", "\ufffd"))

    return Storable


def require_unicode(connection: sa.Connection) -> None:
    """Raise ShoplaunchError `config_invalid` for a database that cannot store every character."""
    encoding = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
    if encoding != "UTF8":
        what = "make it by CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0"
        raise ShoplaunchError("config_invalid", f"database_url: the database's encoding is {encoding}; {what}")
