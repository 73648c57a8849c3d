"""Statements the server is working on: their connections and start times."""

import contextlib
import threading
import time

MYPY = False
if MYPY:
    from typing import Callable, Iterator

    from agent.database.connection import OurConnection

#: Time limit for a statement: after that, a hung process is replaced as usual.
LONGEST_SECONDS = 6 * 3600.0
_guard = threading.Lock()
_started: "dict[int, float]" = {}


@contextlib.contextmanager
def under_way(connection: "OurConnection", clock: "Callable[[], float]" = time.monotonic) -> "Iterator[None]":
    """Note within this context that the server works on a statement of `connection`."""
    number = connection.thread_id()
    with _guard:
        _started[number] = clock()
    try:
        yield
    finally:
        with _guard:
            _started.pop(number, None)


def waiting(shortest: float, longest: float, clock: "Callable[[], float]" = time.monotonic) -> "set[int]":
    """Return the connection ids of our connections whose statement is between `shortest` and `longest` seconds old."""
    now = clock()
    with _guard:
        return {number for number, since in _started.items() if shortest <= now - since <= longest}
