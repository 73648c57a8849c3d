"""Downloads a file from a byte offset: over slow lines too, but not from a server that sends almost nothing."""

import time

from agent.base.deadline_socket import Exchange
from agent.reporting.wire_limits import HEADER_BYTES, WIRE_FACTOR
from shared.bundle import LEAST_RATE_HEADER

MYPY = False
if MYPY:
    from http.client import HTTPResponse
    from socket import socket
    from typing import Callable, Mapping

#: Time until the answer begins, and how far a line may fall behind.
GRACE_SECONDS = 60.0
#: Least bytes per second: the same as the controller requires of its clients.
LEAST_RATE = 16 * 1024


class Pace:
    """Whether bytes arrive fast enough over all requests: they may be `seconds` behind; a lead is not kept."""

    def __init__(self, seconds: float, clock: "Callable[[], float]" = time.monotonic) -> None:
        self._clock = clock
        self._most = self._left = seconds
        self._at = clock()

    def arrived(self, amount: int, rate: float) -> None:
        """Count `amount` bytes since the last call, of which `rate` per second are enough."""
        now = self._clock()
        self._left = min(self._most, self._left - (now - self._at) + amount / float(rate))
        self._at = now

    def is_too_slow(self) -> bool:
        """Return whether the download is too far behind."""
        return self._left < 0


def exchange(timeout: float) -> "Exchange":
    """Return the Exchange of a download."""
    return Exchange(timeout, GRACE_SECONDS, rate=LEAST_RATE)


def headers(offset: int, more: "Mapping[str, str] | None") -> "dict[str, str]":
    """Return the headers of a request for the content from byte `offset`; `more` is a mapping or None."""
    found = {"Accept-Encoding": "identity"}
    if offset:
        found["Range"] = "bytes={}-".format(offset)
    found.update(more or {})
    return found


class Download:
    """An open answer, of which `most` bytes (None: any number) are wanted; close it. `status`, `headers`."""

    def __init__(
        self, response: "HTTPResponse", exchange: "Exchange", opened: "list[socket]", most: "int | None"
    ) -> None:
        self._response = response
        self._exchange = exchange
        self._opened = opened
        self.status = response.status
        self.headers = response.headers
        # Counted here: up to Python 3.12 `read1` ignores the length, and would wait for bytes that never come
        self._left = response.length
        exchange.allow(float("inf") if most is None else WIRE_FACTOR * most + HEADER_BYTES)

    def promised_rate(self) -> int:
        """Return the bytes per second the controller promises, at most LEAST_RATE; from now on they are required of
        it."""
        try:
            rate = int(self.headers.get(LEAST_RATE_HEADER, ""))
        except ValueError:
            rate = LEAST_RATE
        rate = rate if 0 < rate < LEAST_RATE else LEAST_RATE
        self._exchange.slow_down(rate)
        return rate

    def is_too_slow(self) -> bool:
        """Return whether less than the required rate arrived."""
        return self._exchange.is_over()

    def read(self, amount: int) -> bytes:
        """Return what has arrived, at least one byte and at most `amount`; b"" at the end.

        Raises OSError and http.client errors.
        """
        if self._left is None:
            return self._response.read1(amount)
        piece = self._response.read1(min(amount, self._left)) if self._left else b""
        self._left -= len(piece)
        return piece

    def close(self) -> None:
        """Close the connection."""
        for found in self._opened:
            found.close()

    def __enter__(self) -> "Download":
        return self

    def __exit__(self, *_failure: object) -> None:
        self.close()
