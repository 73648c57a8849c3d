"""Limits on calls to a server: the circuit breaker after a refused login, and the number of calls in flight."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import sqlalchemy as sa

from controller.db import servers
from controller.db.connection.clock import database_now
from controller.db.connection.engine import reading, transact

#: For so long after a successful call the next calls go in parallel: a job makes one call soon after another.
LATELY_SECONDS = 10.0
#: An address, a user and a token.
Login = tuple[str, str, str]


class CircuitBreaker(Protocol):
    """Says whether a server may be called; while it is closed, no call passes.

    Closing it affects every process of the installation.
    """

    def closed(self) -> str | None:
        """Return why the server must not be called, None when it may be."""

    def close(self, reason: str) -> None:
        """Stop all calls to the server."""

    def open(self) -> None:
        """Allow calls to the server again."""


class ServerBreaker:
    """The circuit breaker in the server's row: the first refused login closes it, a successful login opens it."""

    def __init__(self, engine: Callable[[], sa.Engine], server: str) -> None:
        self._engine = engine
        self._server = server

    def closed(self) -> str | None:
        """See CircuitBreaker.closed."""
        with reading(self._engine()) as connection:
            return servers.locked(connection, self._server)

    def close(self, reason: str) -> None:
        """See CircuitBreaker.close; the first reason stays."""

        def lock(connection: sa.Connection) -> None:
            servers.lock(connection, self._server, reason, database_now(connection))

        transact(self._engine(), lock)

    def open(self) -> None:
        """See CircuitBreaker.open."""
        if self.closed() is not None:
            transact(self._engine(), lambda connection: servers.unlock(connection, self._server))


class ProcessBreaker:
    """A circuit breaker for one process only, for a server that is not in the database (yet)."""

    def __init__(self) -> None:
        self._reason: str | None = None

    def closed(self) -> str | None:
        """See CircuitBreaker.closed."""
        return self._reason

    def close(self, reason: str) -> None:
        """See CircuitBreaker.close."""
        self._reason = self._reason or reason

    def open(self) -> None:
        """See CircuitBreaker.open."""
        self._reason = None


class CallLimiter:
    """Limits all calls of this process with one login: at most `places` of them run in parallel.

    When the login has not worked lately, one call goes ahead and the others wait for its end: several refused at once
    could get our address locked out.
    """

    def __init__(self, places: threading.BoundedSemaphore, clock: Callable[[], float] = time.monotonic) -> None:
        self._places = places
        self._clock = clock
        self._changed = threading.Condition()
        self._is_tried = False
        self._tries = 0
        self._let_in_at: float | None = None

    @contextmanager
    def passed(self) -> Iterator[None]:
        """Wait for a place and hold it in the `with` block."""
        is_first = self._goes_first()
        try:
            with self._places:
                yield
        finally:
            if is_first:
                with self._changed:
                    self._is_tried = False
                    self._tries += 1
                    self._changed.notify_all()

    def let_in(self) -> None:
        """Record that the login works."""
        with self._changed:
            self._let_in_at = self._clock()

    def _goes_first(self) -> bool:
        """Return whether this call tries the login; when another does, wait for its end, whatever its result."""
        with self._changed:
            if self._let_in_at is not None and self._clock() - self._let_in_at <= LATELY_SECONDS:
                return False
            if not self._is_tried:
                self._is_tried = True
                return True
            tries = self._tries
            self._changed.wait_for(lambda: self._tries != tries)
            return False


_guard = threading.Lock()
_places: dict[tuple[str, int], threading.BoundedSemaphore] = {}
_limiters: dict[tuple[str, Login, int], CallLimiter] = {}


def limiter_of(server: str, login: Login, limit: int) -> CallLimiter:
    """Return the process-wide limiter for calls to `server` with `login`; the limit counts for all logins together."""
    with _guard:
        places = _places.setdefault((server, limit), threading.BoundedSemaphore(limit))
        return _limiters.setdefault((server, login, limit), CallLimiter(places))
