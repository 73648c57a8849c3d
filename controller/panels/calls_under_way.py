"""The calls of this process that panels have not answered yet: they show a server that hangs before any call fails."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple


class _UnderWay(NamedTuple):
    """A call since `began`, about `account`, or "" about the server."""

    began: float
    account: str


class CallsUnderWay:
    """Calls to servers by name, from any number of threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._guard = threading.Lock()
        #: Server -> its calls under way.
        self._calls: dict[str, dict[object, _UnderWay]] = {}
        self._answered: dict[str, float] = {}

    @contextmanager
    def call(self, server: str, account: str = "") -> Iterator[None]:
        """Count the `with` block as a call to `server`, about `account`; it is answered unless the block raises."""
        key = object()
        with self._guard:
            self._calls.setdefault(server, {})[key] = _UnderWay(self._clock(), account)
        try:
            yield
            with self._guard:
                self._answered[server] = self._clock()
        finally:
            with self._guard:
                del self._calls[server][key]

    def silent(self, seconds: float) -> frozenset[str]:
        """Return the servers that have answered nothing for `seconds`, with a call under way for that long."""
        return frozenset(self._silent(seconds))

    def one_account_hangs(self, seconds: float) -> frozenset[str]:
        """Return those of `silent` whose calls are all about a single account: that may be its owner's doing, and the
        server well."""
        found = self._silent(seconds)
        return frozenset(server for server, accounts in found.items() if "" not in accounts and len(accounts) == 1)

    def _silent(self, seconds: float) -> dict[str, set[str]]:
        """Return the accounts that the unanswered calls to each silent server are about."""
        with self._guard:
            latest = self._clock() - seconds
            found = {
                server: {one.account for one in calls.values() if one.began <= latest}
                for server, calls in self._calls.items()
                if self._answered.get(server, latest) <= latest
            }
        return {server: accounts for server, accounts in found.items() if accounts}


#: Those of this process.
CALLS = CallsUnderWay()
