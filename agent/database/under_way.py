"""Statements that are with the server now: since when, on which connection."""

import contextlib
import threading
import time

MYPY = False
if MYPY:
    from typing import Callable, Iterator

    from agent.database.connection import OurConnection

#: No statement of ours is given more: then whoever hangs in it is replaced as always.
LONGEST_SECONDS = 6 * 3600.0
_guard = threading.Lock()
_started: "dict[int, float]" = {}


@contextlib.contextmanager
def under_way(connection: "OurConnection", clock: "Callable[[], float]" = time.monotonic) -> "Iterator[None]":
    """Within this, a statement of `connection` is with the server."""
    number = connection.thread_id()
    with _guard:
        _started[number] = clock()
    try:
        yield
    finally:
        with _guard:
            _started.pop(number, None)


def waiting(shortest: float, longest: float, clock: "Callable[[], float]" = time.monotonic) -> "set[int]":
    """Return the server's numbers of our connections whose statement is between `shortest` and `longest` s old."""
    now = clock()
    with _guard:
        return {number for number, since in _started.items() if shortest <= now - since <= longest}
