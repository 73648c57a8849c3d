"""Connects to the database server: through the server's own socket or address, proven before anything is sent.

`localhost` means a Unix socket: only the one the job names, else the first of the usual ones on which the server's
process listens (shared.database.unix_socket). TCP is never tried on its own: any account may take a port of the machine
while the server is down. Every other host is proven by TLS (agent.database.tls), unless the server's setting is
`plain`: then nothing that reveals the password is sent (agent.database.connection).
"""

import configparser
import contextlib
import os
import socket
import stat

from agent.base.deadline_socket import Exchange
from shared.database.unix_socket import SOCKETS, connect
from shared.errors import ShoplaunchError

MYPY = False
if MYPY:
    from ssl import SSLContext
    from typing import Iterator, Mapping

OPTION_FILES = ("~/.my.cnf", "/etc/my.cnf")
OPTION_BYTES = 64 * 1024
CONNECT_SECONDS = 10
#: From the first packet to the last answer of a log-in, without name resolution.
LOGIN_SECONDS = 60


class ServerIsFull(ShoplaunchError):
    """The server is running, but accepts no more connections for now."""


class Door:
    """A connection to the server: `found` (socket), valid until `exchange` (deadline_socket.Exchange) is over.

    `encryption` (SSLContext or None) proves the server, unless `proven` says that it is proven already.
    """

    def __init__(
        self, found: "socket.socket", exchange: "Exchange", encryption: "SSLContext | None" = None, proven: bool = False
    ) -> None:
        self.found = found
        self.exchange = exchange
        self.encryption = encryption
        self.proven = proven


def host_of(values: "Mapping[str, str]") -> str:
    """Return the database host in `values`."""
    return values.get("db.host") or "localhost"


@contextlib.contextmanager
def opened(values: "Mapping[str, str]") -> "Iterator[Door]":
    """Yield a Door to the database in `values`; it is closed on an exception. Raises ShoplaunchError `db_*`, OSError
    where nothing answers."""
    exchange = Exchange(CONNECT_SECONDS, LOGIN_SECONDS)
    if host_of(values) == "localhost":
        door = Door(_socket(values), exchange, proven=True)
    else:
        # An unusable setting is reported before any connection is made
        encryption = _encryption(values)
        door = Door(exchange.connect(values["db.host"], int(values.get("db.port") or 3306)), exchange, encryption)
        door.found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        door.found.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    try:
        yield door
    except BaseException:
        door.found.close()
        raise


def _encryption(values: "Mapping[str, str]") -> "SSLContext | None":
    # Imported here: most databases are on the account's own machine
    from agent.database.tls import context_of

    return context_of(values)


def _socket(values: "Mapping[str, str]") -> "socket.socket":
    """Return a socket connected to the server on this machine."""
    uid = int(values["db.uid"]) if values.get("db.uid", "").isdigit() else None
    if values.get("db.socket"):
        try:
            return _connected(values["db.socket"], uid)
        except OSError as error:
            raise _nobody([values["db.socket"]], error) from None
    failure: "ShoplaunchError | None" = None
    tried: "list[str]" = []
    for path in _usual():
        tried.append(path)
        try:
            return _connected(path, uid)
        except ServerIsFull:
            raise
        except ShoplaunchError as error:
            # Another process's socket; the server may listen on the next one
            failure = failure or error
        except OSError as error:
            missing = error
    raise failure or _nobody(tried, missing)


def _connected(path: str, uid: "int | None") -> "socket.socket":
    try:
        return connect(path, CONNECT_SECONDS, uid)
    except BlockingIOError:
        # The backlog is full: the server is running, and no other socket is tried
        raise ServerIsFull("db_busy", "too many wait to be let in at {}".format(path)) from None


def _nobody(tried: "list[str]", error: OSError) -> "ShoplaunchError":
    message = "nobody answers at {}: {}".format(", ".join(tried), error.strerror or error)
    return ShoplaunchError("db_unreachable", message[:1000])


def _usual() -> "Iterator[str]":
    """Yield the sockets named in option files and then the usual ones, each once."""
    seen: "set[str]" = set()
    for path in [*_configured(), *SOCKETS]:
        if path and path not in seen:
            seen.add(path)
            yield path


def _configured() -> "list[str]":
    found: "list[str]" = []
    for name in OPTION_FILES:
        parser = configparser.RawConfigParser(allow_no_value=True, strict=False)
        try:
            # The parser does not know lines such as !includedir
            lines = _read(os.path.expanduser(name)).splitlines(True)
            parser.read_string("".join(line for line in lines if not line.lstrip().startswith("!")))
        except (OSError, configparser.Error):
            continue
        if parser.has_option("client", "socket"):
            found.append((parser.get("client", "socket") or "").strip("\"' "))
    return found


def _read(path: str) -> str:
    """Return the beginning of the text file `path`, "" when it is no plain file: reading a pipe would block."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as stream:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return ""
        return stream.read(OPTION_BYTES).decode("utf-8", "replace")
