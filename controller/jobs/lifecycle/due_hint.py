"""Hints to this process's worker that jobs are due now; without them it finds the jobs at its next check."""

from __future__ import annotations

import threading
from collections.abc import Iterable

#: Instead of a server's name: jobs of any server may be due.
EVERY = ""
#: Servers that are kept in mind; what is more is found by the next checks.
MOST = 10_000
_NEWS = threading.Event()
_GUARD = threading.Lock()
_SERVERS: set[str] = set()
#: How many hints were given; one that names a server again counts again.
_GIVEN = [0]


def notify(server: str = EVERY) -> None:
    """Let a waiting worker check at once, and begin with the server. Call it after the commit that made a job due."""
    with _GUARD:
        _GIVEN[0] += 1
        if len(_SERVERS) < MOST:
            _SERVERS.add(server)
    wake()


def give_back(servers: Iterable[str]) -> None:
    """Keep hints that were taken for a check that failed: the next one has them. Wakes nobody, and counts none."""
    with _GUARD:
        for server in servers:
            if len(_SERVERS) < MOST:
                _SERVERS.add(server)


def wake() -> None:
    """Let a waiting worker check at once; no job became due."""
    _NEWS.set()


def wait(seconds: float) -> bool:
    """Wait for a hint, at most `seconds`; return whether one came. A check after that sees every job that became due
    before it."""
    given = _NEWS.wait(seconds)
    _NEWS.clear()
    return given


def given() -> int:
    """Return how many hints were given since the process began."""
    return _GIVEN[0]


def known() -> set[str]:
    """Return the servers that `taken` would return, which it still does then."""
    with _GUARD:
        return set(_SERVERS)


def taken() -> set[str]:
    """Return the servers that were hinted at since the last call."""
    with _GUARD:
        found = set(_SERVERS)
        _SERVERS.clear()
    return found
