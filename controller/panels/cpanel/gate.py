"""What stands between a server and our calls: its lock after a refused login, and how many calls may be in flight."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Protocol

import sqlalchemy as sa

from controller.db import servers
from controller.db.engine import reading, transact


class Gate(Protocol):
    """Whether a server may be called. Closing it concerns every process of the installation."""

    def closed(self) -> str | None:
        """Return why the server must not be called, None when it may be."""

    def close(self, reason: str) -> None:
        """No call goes to the server any more."""

    def open(self) -> None:
        """Calls may go to the server again."""


class ServerGate:
    """The lock in the server's row: the first refused login closes it, a login that works opens it."""

    def __init__(self, engine: Callable[[], sa.Engine], server: str, clock: Callable[[], float] = time.time) -> None:
        self._engine = engine
        self._server = server
        self._clock = clock

    def closed(self) -> str | None:
        """See Gate.closed."""
        with reading(self._engine()) as connection:
            return servers.locked(connection, self._server)

    def close(self, reason: str) -> None:
        """See Gate.close; the first reason stays."""
        now = self._clock()
        transact(self._engine(), lambda connection: servers.lock(connection, self._server, reason, now))

    def open(self) -> None:
        """See Gate.open."""
        if self.closed() is not None:
            transact(self._engine(), lambda connection: servers.unlock(connection, self._server))


class OpenGate:
    """A gate of one process alone, for a server that is not in the database (yet)."""

    def __init__(self) -> None:
        self._reason: str | None = None

    def closed(self) -> str | None:
        """See Gate.closed."""
        return self._reason

    def close(self, reason: str) -> None:
        """See Gate.close."""
        self._reason = self._reason or reason

    def open(self) -> None:
        """See Gate.open."""
        self._reason = None


_guard = threading.Lock()
_limits: dict[tuple[str, int], threading.BoundedSemaphore] = {}


def in_flight(server: str, limit: int) -> threading.BoundedSemaphore:
    """Return what every call to `server` in this process holds: at most `limit` at a time, whichever panel object."""
    with _guard:
        return _limits.setdefault((server, limit), threading.BoundedSemaphore(limit))
