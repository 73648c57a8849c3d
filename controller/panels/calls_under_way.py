"""The calls of this process that panels have not answered yet: they show a server that hangs before any call fails."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class CallsUnderWay:
    """Calls to servers by name, from any number of threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._guard = threading.Lock()
        #: Server -> when each of its calls under way began.
        self._began: dict[str, dict[object, float]] = {}
        self._answered: dict[str, float] = {}

    @contextmanager
    def call(self, server: str) -> Iterator[None]:
        """Count the `with` block as a call to `server`; it is answered unless the block raises."""
        key = object()
        with self._guard:
            self._began.setdefault(server, {})[key] = self._clock()
        try:
            yield
            with self._guard:
                self._answered[server] = self._clock()
        finally:
            with self._guard:
                del self._began[server][key]

    def silent(self, seconds: float) -> frozenset[str]:
        """Return the servers that have answered nothing for `seconds`, with a call under way for that long."""
        with self._guard:
            latest = self._clock() - seconds
            return frozenset(
                server
                for server, calls in self._began.items()
                if calls and min(calls.values()) <= latest and self._answered.get(server, latest) <= latest
            )


#: Those of this process.
CALLS = CallsUnderWay()
