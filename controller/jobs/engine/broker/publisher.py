"""Publishes hints from a thread of its own: no order waits for a broker, whatever that does."""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
from contextlib import suppress
from typing import Any

from controller.jobs.engine.broker.link import Link, close, reason
from controller.jobs.engine.broker.messages import HINT
from controller.jobs.engine.port import Hints

LOG = logging.getLogger(__name__)
#: Servers whose hints are not sent yet; more are left to the workers' own looks.
MOST_PENDING = 10_000
#: After a failure hints go to this machine's workers alone for so long: first, longest.
PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 15.0
#: How long the end of a process waits for its last hints.
LAST_SECONDS = 2.0
#: After so many hints the broker's memory is looked after.
BOUND_EVERY = 64


class BrokerHints:
    """Sends hints to workers of every machine; `local` gets those that the broker does not take."""

    def __init__(self, link: Link, local: Hints) -> None:
        self._link, self._local = link, local
        #: Server -> how often its hint was passed on.
        self._pending: dict[str, int] = {}
        self._guard = threading.Lock()
        self._news, self._idle = threading.Event(), threading.Event()
        self._owner = 0
        self._connection: Any = None
        self._failed_at, self._pause, self._sent = 0.0, 0.0, 0
        self._idle.set()
        atexit.register(self.flush)

    def hint(self, server: str) -> None:
        """Let a worker look at the server's jobs soon; returns at once."""
        self.pass_on(server, 0)

    def pass_on(self, server: str, passed: int) -> None:
        """As `hint`, for a hint that was `passed` on so often."""
        if self._is_paused():
            self._local.hint(server)
            return
        with self._guard:
            if len(self._pending) >= MOST_PENDING:
                return
            self._idle.clear()
            self._pending[server] = min(passed, self._pending.get(server, passed))
        try:
            self._ensure_thread()
        except RuntimeError as problem:
            LOG.warning("hints are not sent: %s", problem)
            self._local.hint(server)
        self._news.set()

    def flush(self, seconds: float = LAST_SECONDS) -> None:
        """Wait at most `seconds` until what was hinted at is sent: a command ends right after its order."""
        if self._owner == os.getpid():
            self._idle.wait(seconds)

    def _is_paused(self) -> bool:
        return self._pause > 0 and time.monotonic() - self._failed_at < self._pause

    def _ensure_thread(self) -> None:
        with self._guard:
            if self._owner == os.getpid():
                return
            # Neither a thread nor a connection survives a fork
            self._connection = None
            threading.Thread(target=self._run, name="hints", daemon=True).start()
            self._owner = os.getpid()

    def _run(self) -> None:
        while True:
            self._news.wait()
            self._news.clear()
            with self._guard:
                servers, self._pending = self._pending, {}
            try:
                for server, passed in servers.items():
                    self._send(server, passed)
                    # Not by a round that has sent nothing
                    self._pause = 0.0
            except Exception as problem:  # noqa: BLE001 - of whatever kind: nobody may wait for it
                self._give_up(problem, list(servers))
            with self._guard:
                if not self._pending:
                    self._idle.set()

    def _send(self, server: str, passed: int) -> None:
        if self._connection is None:
            self._connection = self._opened()
        channel = self._connection.default_channel
        self._link.publish(channel, self._link.queue, HINT, server, passed)
        # A list that was emptied, and is there again, has no end of its own
        self._link.expire(channel)
        self._sent += 1
        if self._sent % BOUND_EVERY == 1:
            self._link.bound(channel)

    def _opened(self) -> Any:
        connection = self._link.connection()
        try:
            connection.connect()
        except BaseException:
            close(connection)
            raise
        return connection

    def _give_up(self, problem: BaseException, servers: list[str]) -> None:
        LOG.warning("hints reach this machine's workers alone, the broker does not take them: %s", reason(problem))
        if self._connection is not None:
            close(self._connection)
            self._connection = None
        self._failed_at = time.monotonic()
        self._pause = min(max(PAUSE_SECONDS, self._pause * 2), LONGEST_PAUSE_SECONDS)
        with suppress(Exception):
            for server in servers:
                self._local.hint(server)
