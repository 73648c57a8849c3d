"""A file from a server, from some byte on: as slow as a poor line, never as slow as a server that only drips."""

from agent.bounded import Exchange
from agent.http import HEADER_BYTES, WIRE_FACTOR

#: Until the answer begins, and what a line may fall behind.
GRACE_SECONDS = 60.0
#: Bytes a second below which nothing is waited for any longer.
LEAST_RATE = 1024


def exchange(timeout):
    """Return the Exchange of a download."""
    return Exchange(timeout, GRACE_SECONDS, rate=LEAST_RATE)


def headers(offset, more):
    """Return the headers of the request for what comes from byte `offset` on; `more` is a mapping or None."""
    found = {"Accept-Encoding": "identity"}
    if offset:
        found["Range"] = "bytes={}-".format(offset)
    found.update(more or {})
    return found


class Download:
    """The answer of which `most` bytes (None: any number) are wanted; to be closed. `status`, `headers`."""

    def __init__(self, response, exchange, opened, most):
        self._response = response
        self._opened = opened
        self.status = response.status
        self.headers = response.headers
        # Counted here: up to Python 3.12 `read1` does not, and would wait for what never comes
        self._left = response.length
        exchange.allow(float("inf") if most is None else WIRE_FACTOR * most + HEADER_BYTES)

    def read(self, amount):
        """Return what has arrived, at least one byte and at most `amount`; b"" at the end.

        Raises OSError and http.client errors.
        """
        if self._left is None:
            return self._response.read1(amount)
        piece = self._response.read1(min(amount, self._left)) if self._left else b""
        self._left -= len(piece)
        return piece

    def close(self):
        """Read no more."""
        for found in self._opened:
            found.close()

    def __enter__(self):
        return self

    def __exit__(self, *_failure):
        self.close()
