"""The calls of this process that panels have not answered yet: they show a server that hangs before any call fails."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from controller import measures

#: So long an account whose call hung while its server answered counts as one that hangs, unless it answers before.
HANGS_SECONDS = 1800.0


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
        #: (Server, account) -> when a call about the account hung last while the server answered.
        self._hung: dict[tuple[str, str], float] = {}

    @contextmanager
    def call(self, server: str, account: str = "") -> Iterator[None]:
        """Count the `with` block as a call to `server`, about `account`; it is answered unless the block raises."""
        key = object()
        with self._guard:
            self._calls.setdefault(server, {})[key] = _UnderWay(self._clock(), account)
        try:
            with measures.panel_call(server):
                yield
            with self._guard:
                self._answered[server] = self._clock()
                self._hung.pop((server, account), None)
        finally:
            with self._guard:
                del self._calls[server][key]

    def hangs(self, server: str, account: str) -> None:
        """Note that a call about the account hung while the server answered: that may be its owner's doing."""
        with self._guard:
            oldest = self._clock() - HANGS_SECONDS
            self._hung = {key: at for key, at in self._hung.items() if at > oldest}
            self._hung[server, account] = self._clock()

    def hanging(self, server: str) -> frozenset[str]:
        """Return the accounts of the server that hung lately."""
        with self._guard:
            return self._hanging(server)

    def _hanging(self, server: str) -> frozenset[str]:
        oldest = self._clock() - HANGS_SECONDS
        return frozenset(account for (of, account), at in self._hung.items() if of == server and at > oldest)

    def waiting(self, seconds: float) -> dict[str, int]:
        """Return for each server of how many accounts, itself counted as one, calls are unanswered for `seconds`."""
        with self._guard:
            latest = self._clock() - seconds
            found = {server: self._about(calls, latest) for server, calls in self._calls.items()}
        return {server: len(accounts) for server, accounts in found.items() if accounts}

    @staticmethod
    def _about(calls: dict[object, _UnderWay], latest: float) -> set[str]:
        """Return the accounts, or "" for the server, that unanswered calls since `latest` or before are about."""
        return {one.account for one in calls.values() if one.began <= latest}

    def silent(self, seconds: float) -> frozenset[str]:
        """Return the servers that have answered nothing for `seconds`, with a call under way for that long."""
        return frozenset(self._silent(seconds))

    def accounts_hang(self, seconds: float) -> frozenset[str]:
        """Return those of `silent` whose calls are all about accounts, of which no more than one is new to hanging:
        that may be their owners' doing, and the server well."""
        found = self._silent(seconds)
        with self._guard:
            new = {server: accounts - self._hanging(server) for server, accounts in found.items()}
        return frozenset(server for server in found if "" not in found[server] and len(new[server]) <= 1)

    def _silent(self, seconds: float) -> dict[str, set[str]]:
        """Return the accounts that the unanswered calls to each silent server are about."""
        with self._guard:
            latest = self._clock() - seconds
            found = {
                server: self._about(calls, latest)
                for server, calls in self._calls.items()
                if self._answered.get(server, latest) <= latest
            }
        return {server: accounts for server, accounts in found.items() if accounts}


#: Those of this process.
CALLS = CallsUnderWay()
