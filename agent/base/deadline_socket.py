"""A socket whose whole exchange ends by a deadline: a plain timeout starts anew with every byte received."""

import errno
import io
import socket
import threading
import time

from agent.base.compat import ascii_name, tls_name

MYPY = False
if MYPY:
    from ssl import SSLContext, SSLSocket
    from typing import Any, Callable

    from _typeshed import WriteableBuffer


class Exchange:
    """Limits an exchange to `seconds`, and the wait for the next byte to `timeout`; `allow` limits the amount received.

    With `rate` each received byte adds 1 / `rate` seconds, but never beyond `seconds` from now: a fast start does not
    permit a slow rest.
    """

    def __init__(
        self, timeout: float, seconds: float, rate: "float | None" = None, clock: "Callable[[], float]" = time.monotonic
    ) -> None:
        self._timeout = timeout
        self._clock = clock
        self._most = seconds
        self._end = clock() + seconds
        self._rate = rate
        self._allowed: float = 0

    def allow(self, amount: float) -> None:
        """Allow `amount` more bytes, replacing what was allowed before."""
        self._allowed = amount

    def came(self, amount: int) -> None:
        """Count `amount` received bytes. Raises OSError when they exceed what is allowed."""
        self._allowed -= amount
        if self._allowed < 0:
            raise OSError(errno.EMSGSIZE, "the answer is too large")
        if self._rate:
            self._end = min(self._end + amount / float(self._rate), self._clock() + self._most)

    def slow_down(self, rate: float) -> None:
        """Accept `rate` bytes per second from now on."""
        self._rate = rate

    def is_over(self) -> bool:
        """Return whether the deadline has passed."""
        return self._clock() >= self._end

    def left(self, steps: int = 1) -> float:
        """Return the timeout of the next step in seconds, when `steps` such steps have to fit in.

        Raises socket.timeout when the deadline has passed.
        """
        left = self._end - self._clock()
        if left <= 0:
            raise socket.timeout("time-out")
        return min(self._timeout, left / steps)

    def connect(self, host: str, port: int) -> "socket.socket":
        """Return a connected socket to the first address of `host` that answers. Raises OSError."""
        problem = OSError("no address")
        addresses = _addresses(ascii_name(host), port, self.left())
        for tried, address in enumerate(addresses):
            try:
                # An address that does not answer leaves time for the others
                return _connected(address, self.left(len(addresses) - tried))
            except OSError as error:
                problem = error
        raise problem

    def connect_locally(self, path: str, uid: "int | None") -> "socket.socket":
        """Return a socket connected to the controller at `path`, owned by root or the user `uid` (None: root only).

        Raises ShoplaunchError `controller_foreign`, OSError.
        """
        # Most controllers are on other machines
        from shared.controller_socket import connect

        return connect(path, self.left(), uid)

    def encrypt(self, plain: "socket.socket", context: "SSLContext", host: str) -> "SSLSocket":
        """Return `plain` (socket) wrapped by `context` (SSLContext), `host` verified. Raises OSError, ssl errors."""
        plain.settimeout(self.left())
        return context.wrap_socket(plain, server_hostname=tls_name(host))


def _addresses(host: "str | bytes", port: int, seconds: float) -> "list[tuple[object, ...]]":
    """Return socket.getaddrinfo's result, which has no deadline of its own. Raises OSError, socket.timeout after
    `seconds`."""
    found: "list[tuple[Any, ...]]" = []
    problems: "list[Exception]" = []

    def ask() -> None:
        try:
            found.extend(socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM))
        except Exception as problem:  # noqa: BLE001 - raised below
            problems.append(problem)

    asking = threading.Thread(target=ask)
    asking.daemon = True
    try:
        asking.start()
    except RuntimeError:
        # Where no thread can be started, the resolver's own timeouts apply
        ask()
    else:
        asking.join(seconds)
        if asking.is_alive():
            raise socket.timeout("the name servers do not answer")
    if problems:
        raise problems[0]
    return found


def _connected(address: "tuple[Any, ...]", seconds: float) -> "socket.socket":
    """Return a socket connected to `address` (from socket.getaddrinfo) within `seconds`. Raises OSError."""
    family, kind, protocol, _, where = address
    found = socket.socket(family, kind, protocol)
    try:
        found.settimeout(seconds)
        found.connect(where)
    except BaseException:
        found.close()
        raise
    return found


class BoundedSocket:
    """The part of a socket that http.client uses, limited by `exchange`. `close` leaves `found` open for its owner."""

    def __init__(self, found: "socket.socket", exchange: "Exchange") -> None:
        self._socket = found
        self._exchange = exchange

    def sendall(self, data: bytes) -> None:
        """Send all of `data` (bytes)."""
        rest = memoryview(data)
        while rest:
            self._socket.settimeout(self._exchange.left())
            rest = rest[self._socket.send(rest) :]

    def makefile(self, mode: str) -> "io.BufferedReader":
        """Return a stream of the received bytes."""
        return io.BufferedReader(_Reader(self._socket, self._exchange))

    def close(self) -> None:
        """Do nothing: the answer is still read after http.client has closed the connection."""


class _Reader(io.RawIOBase):
    def __init__(self, found: "socket.socket", exchange: "Exchange") -> None:
        super().__init__()
        self._socket = found
        self._exchange = exchange

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        self._socket.settimeout(self._exchange.left())
        amount = self._socket.recv_into(buffer)
        self._exchange.came(amount)
        return amount
