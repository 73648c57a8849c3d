"""Limits on calls to a server: the circuit breaker after a refused login or failures, and the number in flight."""

from __future__ import annotations

import logging
import math
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Protocol

import sqlalchemy as sa

from controller.db.connection.clock import DatabaseClock, Moment
from controller.db.connection.engine import reading, transact
from controller.db.machines import breakers, servers
from shared.errors import ShoplaunchError

LOG = logging.getLogger(__name__)
#: For so long after a successful call the next calls go in parallel: a job makes one call soon after another.
LATELY_SECONDS = 10.0
#: Others wait so long for a call about an account that tries the login.
ACCOUNT_SECONDS = 5.0
#: A probe's lease lasts so much longer than its call: who made it may need a moment to say how it ended.
PROBE_SECONDS = 30.0
#: An address, a user and a token.
Login = tuple[str, str, str]


class CircuitBreaker(Protocol):
    """Says whether a server may be called: not while it is locked, after a refused login; while it fails, by one probe
    at a time. What is noted counts in every process of the installation."""

    def locked(self) -> str | None:
        """Return why the server must not be called, None when it may be."""

    def lock(self, reason: str) -> None:
        """Stop all calls to the server."""

    def unlock(self) -> None:
        """Allow calls to the server again."""

    def rests(self, seconds: float) -> str | None:
        """Return why a call of `seconds` at most waits, as calls before it failed; None when it may be made. Where
        only a probe may be made, this call is it."""

    def failed(self, reason: str, *, late: bool = False) -> None:
        """Note that a call failed for a reason of the server, not of an account or the login; `late`: it was answered,
        after very long."""

    def answered(self) -> None:
        """Note that the server answered a call, whatever the answer."""


@lru_cache(maxsize=8)
def _clock_of(engine: sa.Engine) -> DatabaseClock:
    """Return the clock of all breakers of a database in this process; it is read only while a server fails."""
    return DatabaseClock(engine, is_read_seldom=True)


def _moment(connection: sa.Connection) -> Moment:
    return _clock_of(connection.engine).at(connection)


class ServerBreaker:
    """The circuit breaker in the state database. A refused login locks the server's row until one succeeds; a server
    that fails is called by one probe at a time until it answers (controller.db.machines.breakers).

    `clock` returns the database's time within a transaction, and the time that others' leases are judged by.
    """

    def __init__(
        self,
        engine: Callable[[], sa.Engine],
        server: str,
        clock: Callable[[sa.Connection], Moment] = _moment,
    ) -> None:
        self._engine = engine
        self._server = server
        self._clock = clock
        self._owner = secrets.token_hex(16)
        #: Whether the last look found the server's calls failing; None before the first.
        self._is_failing: bool | None = None

    def locked(self) -> str | None:
        """See CircuitBreaker.locked."""
        with reading(self._engine()) as connection:
            return servers.locked(connection, self._server)

    def lock(self, reason: str) -> None:
        """See CircuitBreaker.lock; the first reason stays."""

        def note(connection: sa.Connection) -> None:
            servers.lock(connection, self._server, reason, self._clock(connection).now)

        transact(self._engine(), note)

    def unlock(self) -> None:
        """See CircuitBreaker.unlock."""
        if self.locked() is not None:
            transact(self._engine(), lambda connection: servers.unlock(connection, self._server))

    def rests(self, seconds: float) -> str | None:
        """See CircuitBreaker.rests."""
        with reading(self._engine()) as connection:
            known = breakers.get(connection, self._server)
            must_rest = known is not None and known.rests(self._clock(connection).now)
        self._is_failing = known is not None
        if known is None or not known.is_open:
            return None
        if not must_rest and transact(self._engine(), lambda connection: self._is_probe(connection, seconds)):
            return None
        return f"{self._server} is not called for a while, {known.failures} calls in a row failed: {known.reason}"

    def _is_probe(self, connection: sa.Connection, seconds: float) -> bool:
        now, leases = self._clock(connection)
        until = now + seconds + PROBE_SECONDS
        return breakers.claim_probe(connection, self._server, self._owner, now, leases, until)

    def failed(self, reason: str, *, late: bool = False) -> None:
        """See CircuitBreaker.failed. The job of a probe that is answered late goes on, as the only one."""
        probe = self._owner if late else ""

        def note(connection: sa.Connection) -> None:
            breakers.note_failure(connection, self._server, reason, self._clock(connection).now, probe)

        self._is_failing = True
        self._note(note)

    def answered(self) -> None:
        """See CircuitBreaker.answered; nothing is written for a server that did not fail before."""
        if self._is_failing is not False:
            self._is_failing = False
            self._note(lambda connection: breakers.note_answer(connection, self._server))

    def _note(self, work: Callable[[sa.Connection], None]) -> None:
        """Note how a call ended. Its result counts even while the database is away: the next call is noted."""
        try:
            transact(self._engine(), work)
        except ShoplaunchError as error:
            self._is_failing = None
            LOG.warning("%s: how a call ended is not noted: %s", self._server, error.message)


class ProcessBreaker:
    """A circuit breaker for one process only, for a server that is not in the database (yet)."""

    def __init__(self) -> None:
        self._reason: str | None = None

    def locked(self) -> str | None:
        """See CircuitBreaker.locked."""
        return self._reason

    def lock(self, reason: str) -> None:
        """See CircuitBreaker.lock."""
        self._reason = self._reason or reason

    def unlock(self) -> None:
        """See CircuitBreaker.unlock."""
        self._reason = None

    def rests(self, seconds: float) -> str | None:
        """See CircuitBreaker.rests: each failure is reported to the one process."""
        return None

    def failed(self, reason: str, *, late: bool = False) -> None:
        """See CircuitBreaker.failed."""

    def answered(self) -> None:
        """See CircuitBreaker.answered."""


class CallLimiter:
    """Limits all calls of this process with one login: at most `places` of them run in parallel.

    When the login has not worked lately, one call goes ahead and the others wait for its end: several refused at once
    could get our address locked out. For a call about an account they do not wait long: its owner may make it hang.
    """

    def __init__(self, places: threading.BoundedSemaphore, clock: Callable[[], float] = time.monotonic) -> None:
        self._places = places
        self._clock = clock
        self._changed = threading.Condition()
        #: Until when others wait for the call that tries the login; infinite: for its end.
        self._awaited_until = 0.0
        self._tries = 0
        self._let_in_at: float | None = None

    @contextmanager
    def passed(self, account: str = "") -> Iterator[None]:
        """Wait for a place and hold it in the `with` block, for a call about `account`, or "" about the server."""
        is_first = self._goes_first(ACCOUNT_SECONDS if account else math.inf)
        try:
            with self._places:
                yield
        finally:
            if is_first:
                with self._changed:
                    self._awaited_until = 0.0
                    self._tries += 1
                    self._changed.notify_all()

    def let_in(self) -> None:
        """Record that the login works."""
        with self._changed:
            self._let_in_at = self._clock()
            self._changed.notify_all()

    def _goes_first(self, seconds: float) -> bool:
        """Return whether this call tries the login, which others await for `seconds`; when another does, wait for its
        end, whatever its result."""
        with self._changed:
            tries = self._tries
            while not self._was_let_in() and self._tries == tries:
                left = self._awaited_until - self._clock()
                if left <= 0:
                    self._awaited_until = self._clock() + seconds
                    return True
                self._changed.wait(None if left == math.inf else left)
            return False

    def _was_let_in(self) -> bool:
        return self._let_in_at is not None and self._clock() - self._let_in_at <= LATELY_SECONDS


_guard = threading.Lock()
_places: dict[tuple[str, int], threading.BoundedSemaphore] = {}
_limiters: dict[tuple[str, Login, int], CallLimiter] = {}


def limiter_of(server: str, login: Login, limit: int) -> CallLimiter:
    """Return the process-wide limiter for calls to `server` with `login`; the limit counts for all logins together."""
    with _guard:
        places = _places.setdefault((server, limit), threading.BoundedSemaphore(limit))
        return _limiters.setdefault((server, login, limit), CallLimiter(places))
