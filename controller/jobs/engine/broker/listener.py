"""Listens to the broker's hints, and notices when it has gone deaf: the worker then looks as it does without one."""

from __future__ import annotations

import logging
import random
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from controller.jobs.engine.broker import messages
from controller.jobs.engine.broker.link import Link, close, reason

LOG = logging.getLogger(__name__)
#: A worker asks itself over the broker so often, and counts as deaf after this time without an answer.
ECHO_SECONDS, DEAF_SECONDS = 5.0, 20.0
#: How long one wait for messages is.
WAIT_SECONDS = 1.0
#: Until the next connection: first, longest.
PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 15.0
#: A worker without room leaves hints to others, but listens now and then.
FULL_SECONDS = 2.0
#: Between two lines of the log about messages that are none.
LOG_SECONDS = 60.0
#: What a broker's library raises for a message that it cannot even take apart.
_GARBAGE = (ValueError, LookupError, TypeError, AttributeError, RecursionError)
#: So many of them in a row are a reason to connect anew.
MOST_GARBAGE = 100


class Deaf(Exception):
    """The connection takes messages and brings none."""


def _none_is_foreign(_server: str, _passed: int) -> bool:
    return False


class Listener:
    """Passes hints on to `received`, but for those that `foreign` takes, with how often they were passed on before; it
    returns whether it does. While `has_room` says no, hints are left to other workers."""

    def __init__(
        self,
        link: Link,
        received: Callable[[str], None],
        has_room: Callable[[], bool],
        foreign: Callable[[str, int], bool] = _none_is_foreign,
    ) -> None:
        self._link, self._received, self._has_room, self._foreign = link, received, has_room, foreign
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._heard_at: float | None = None
        #: When it last heard itself, over whichever connection, or was made.
        self._last_at = time.monotonic()
        self._nonce, self._answered, self._logged_at = "", "", 0.0
        #: Number of hints, echoes, messages that were ignored, connections that failed.
        self.counts: Counter[str] = Counter()

    @property
    def is_healthy(self) -> bool:
        """Return whether this worker has heard itself over the broker lately."""
        heard_at = self._heard_at
        return heard_at is not None and time.monotonic() - heard_at < DEAF_SECONDS

    @property
    def silence(self) -> float:
        """Return how many seconds ago this worker last heard itself over the broker, or began to listen."""
        return time.monotonic() - self._last_at

    def start(self) -> None:
        """Listen in a thread."""
        self._stopping.clear()
        self._last_at = time.monotonic()
        self._thread = threading.Thread(target=self.run, name="broker", daemon=True)
        self._thread.start()

    def ask_to_stop(self) -> None:
        """Take no more hints."""
        self._stopping.set()

    def run(self) -> None:
        """Listen until `ask_to_stop`; a connection that fails, whatever the reason, is followed by the next one."""
        pause = PAUSE_SECONDS
        while not self._stopping.is_set():
            try:
                self._listen()
            except Exception as problem:  # noqa: BLE001 - nothing of a broker ends a worker
                self.counts["failed"] += 1
                pause = PAUSE_SECONDS if self._heard_at is not None else min(pause * 2, LONGEST_PAUSE_SECONDS)
                LOG.warning("the worker looks by itself, it hears nothing of the broker: %s", reason(problem))
            self._heard_at = None
            self._stopping.wait(pause * random.uniform(0.5, 1.0))  # noqa: S311 - so that not all come at once

    def _listen(self) -> None:
        number = secrets.token_hex(8)
        connection = self._link.connection(is_tended=True)
        try:
            channel = self._link.open(connection)
            queues = [self._link.shared(), self._link.own(number)]
            # RabbitMQ holds back more than one message only from who confirms them
            consumer = self._link.application.amqp.TaskConsumer(
                channel, queues=queues, on_message=self._take, no_ack=self._link.is_redis
            )
            consumer.qos(prefetch_count=1)
            consumer.consume()
            self._hear(connection, channel, number)
        finally:
            close(connection)

    def _hear(self, connection: Any, channel: Any, number: str) -> None:
        """Take messages until asked to stop. Raises Deaf, and what the connection raises."""
        began, asked_at, garbage = time.monotonic(), 0.0, 0
        while not self._stopping.is_set():
            now = time.monotonic()
            if now - asked_at >= ECHO_SECONDS:
                self._ask(channel, number)
                asked_at = now
            if now - (self._heard_at or began) >= DEAF_SECONDS:
                raise Deaf
            self._wait_for_room(now + FULL_SECONDS)
            try:
                connection.drain_events(timeout=WAIT_SECONDS)
                garbage = 0
            except TimeoutError:
                pass
            except _GARBAGE:
                garbage += 1
                self._ignored()
                if garbage >= MOST_GARBAGE:
                    raise
            if not self._link.is_redis:
                connection.heartbeat_check()

    def _ask(self, channel: Any, number: str) -> None:
        self._nonce = self._nonce or secrets.token_hex(16)
        self._link.publish(channel, f"{self._link.queue}.{number}", messages.ECHO, self._nonce)
        self._link.forget(channel, number)

    def _wait_for_room(self, end: float) -> None:
        while not self._has_room() and time.monotonic() < end and not self._stopping.is_set():
            time.sleep(0.02)

    def _take(self, message: Any) -> None:
        """Take a message, which is gone from the broker from now on, whatever becomes of it."""
        if not self._link.is_redis:
            message.ack()
        said = messages.read(message.content_type, message.headers, message.body)
        if said is None or (said.task == messages.ECHO and said.text not in (self._nonce, self._answered)):
            self._ignored()
        elif said.task == messages.ECHO:
            # A question sent twice may be answered twice: the second answer says nothing about the present
            if said.text == self._nonce:
                self.counts["echoes"] += 1
                self._nonce, self._answered = "", self._nonce
                self._heard_at = self._last_at = time.monotonic()
        else:
            self.counts["hints"] += 1
            if not self._foreign(said.text, said.passed):
                self._received(said.text)

    def _ignored(self) -> None:
        self.counts["ignored"] += 1
        if time.monotonic() - self._logged_at >= LOG_SECONDS:
            self._logged_at = time.monotonic()
            LOG.warning("messages in the broker's queue that are no hints were ignored: %d", self.counts["ignored"])
