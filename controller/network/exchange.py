"""One exchange with another machine, limited by one deadline and by the number of bytes received."""

from __future__ import annotations

import io
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from controller.network.resolver import Late, resolve

#: Limit for connecting to one address of a host.
CONNECT_SECONDS = 15.0


class TooLarge(OSError):
    """More bytes came in than allowed. An OSError, as libraries treat every failure of a socket as one."""


class Exchange:
    """One whole call: it ends `seconds` after it began, however much or little has come in by then.

    With `step_seconds` no single step may take longer. Nothing may come in before `allow` sets a limit.
    """

    def __init__(
        self, seconds: float, clock: Callable[[], float] = time.monotonic, step_seconds: float | None = None
    ) -> None:
        self.seconds = seconds
        self._step = seconds if step_seconds is None else step_seconds
        self._clock = clock
        self._end = clock() + seconds
        self._allowed = 0

    def left(self, most: float | None = None) -> float:
        """Return how long the next step may take, `most` seconds at most. Raises TimeoutError after the deadline."""
        left = self._end - self._clock()
        if left <= 0:
            raise Late(f"no whole answer within {self.seconds:g} s")
        return min(left, self._step) if most is None else min(left, self._step, most)

    def allow(self, amount: int) -> None:
        """Allow `amount` bytes to come in from now on, whatever was allowed before."""
        self._allowed = amount

    def count(self, amount: int) -> None:
        """Count `amount` received bytes. Raises TooLarge."""
        self._allowed -= amount
        if self._allowed < 0:
            raise TooLarge("more came in than any answer needs")

    def connect(self, host: str, port: int) -> socket.socket:
        """Return a socket connected to the first address of `host` that answers. Raises OSError."""
        problem: OSError = OSError("no address")
        addresses = resolve(host, port, self.left())
        for tried, address in enumerate(addresses):
            try:
                # An address that does not answer leaves the others their share
                share = self.left() / (len(addresses) - tried)
                return _connected(address, min(CONNECT_SECONDS, share))
            except OSError as error:
                problem = error
        raise problem

    def encrypt(self, plain: socket.socket, context: ssl.SSLContext, name: str) -> ssl.SSLSocket:
        """Return `plain` wrapped in TLS, the certificate verified for `name`. Raises OSError after closing `plain`.

        The library counts the whole handshake against the time-out set here.
        """
        try:
            plain.settimeout(self.left())
            return context.wrap_socket(plain, server_hostname=name)
        except BaseException:
            plain.close()
            raise


def _connected(address: Any, seconds: float) -> socket.socket:
    """Return a socket connected to `address` (a result of socket.getaddrinfo) within `seconds`. Raises OSError."""
    family, kind, protocol, _name, where = address
    found = socket.socket(family, kind, protocol)
    try:
        found.settimeout(seconds)
        found.connect(where)
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:
        found.close()
        raise
    return found


class BoundedSocket:
    """The part of a socket that HTTP and SMTP libraries need, within the limits of `exchange`."""

    def __init__(self, found: socket.socket, exchange: Exchange) -> None:
        self.plain = found
        self._exchange = exchange

    def sendall(self, data: bytes) -> None:
        """Send all of `data`. Raises OSError."""
        rest = memoryview(data)
        while rest:
            self.plain.settimeout(self._exchange.left())
            rest = rest[self.plain.send(rest) :]

    def makefile(self, *_mode: object, **_more: object) -> Stream:
        """Return the stream of received bytes."""
        return Stream(_Incoming(self.plain, self._exchange))

    def close(self) -> None:
        """Close the connection."""
        # The peer may have closed it a moment ago
        with suppress(OSError):
            self.plain.close()


class _Incoming(io.RawIOBase):
    def __init__(self, found: socket.socket, exchange: Exchange) -> None:
        super().__init__()
        self._socket = found
        self._exchange = exchange
        self.is_over = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self.is_over:
            return 0
        self._socket.settimeout(self._exchange.left())
        amount = self._socket.recv_into(buffer)
        self._exchange.count(amount)
        return amount


class Stream(io.BufferedReader):
    """The received bytes; once closed, `has_more` says whether unread bytes were left."""

    def __init__(self, incoming: _Incoming) -> None:
        super().__init__(incoming)
        self._incoming = incoming
        self.has_more = False

    def close(self) -> None:
        """Stop reading."""
        if not self.closed:
            self._incoming.is_over = True
            self.has_more = bool(self.peek(1))
        super().close()
