"""Log of signed requests: each signature is accepted once, each event has one answer."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from controller.db.connection.clock import AHEAD_SECONDS
from controller.db.connection.engine import transact
from controller.db.identities import api_keys
from controller.db.tables import answers, used_signatures
from shared.errors import ShoplaunchError

#: A signature is remembered longer than its timestamp is accepted (300 s either way).
SIGNATURE_SECONDS = 3600
#: An event that is repeated after this time is handled as new.
ANSWER_SECONDS = 90 * 86400
#: A claim without an answer for this long was left by a process that is gone.
CLAIM_SECONDS = 120


@dataclass(frozen=True)
class Answer:
    """The first answer to an event; `body` is text."""

    status: int
    content_type: str
    body: str


class RequestLog:
    """Stores signed requests in the controller's database. Times are unix seconds of `clock`.

    An `event` is identified by its key and its id, joined by a colon.
    """

    def __init__(self, engine: sa.Engine, clock: Callable[[], float]) -> None:
        self._engine = engine
        self._clock = clock

    def use_signature(self, signature: str, signed_by: str = "") -> None:
        """Note that the key `signed_by` used `signature`.

        Raises ShoplaunchError `request_unsigned` when it was used before, `key_throttled` above the key's rate limit.
        """
        now = self._clock()

        def note(connection: sa.Connection) -> None:
            connection.execute(sa.delete(used_signatures).where(used_signatures.c.at < now - SIGNATURE_SECONDS))
            _require_rate(connection, signed_by, now)
            connection.execute(sa.insert(used_signatures).values(signature=signature, at=now, signed_by=signed_by))
            api_keys.used(connection, signed_by, now)

        try:
            transact(self._engine, note)
        except IntegrityError:
            raise ShoplaunchError("request_unsigned", "the signature was used before") from None

    def claim(self, event: str, fingerprint: str) -> Answer | None:
        """Return the first answer to the event, None when the caller has to give it.

        Raises ShoplaunchError `event_conflict` when the event was sent before with other content, `event_running`
        (retryable) while its first answer is being made.
        """
        now = self._clock()

        def note(connection: sa.Connection) -> None:
            connection.execute(sa.delete(answers).where(answers.c.claimed_at < now - ANSWER_SECONDS))
            row = {"event": event, "fingerprint": fingerprint, "claimed_at": now, "body": ""}
            connection.execute(sa.insert(answers).values(**row))

        try:
            transact(self._engine, note)
        except IntegrityError:
            return transact(self._engine, lambda connection: _known(connection, event, fingerprint, now))
        return None

    def keep(self, event: str, answer: Answer) -> None:
        """Store `answer` as the first one to the event."""
        values = {"status": answer.status, "content_type": answer.content_type, "body": answer.body}
        change = sa.update(answers).where(answers.c.event == event).values(**values)
        transact(self._engine, lambda connection: connection.execute(change))

    def release(self, event: str) -> None:
        """Release an event without an answer, so that it may be sent again at once."""
        gone = sa.delete(answers).where(answers.c.event == event, answers.c.status.is_(None))
        transact(self._engine, lambda connection: connection.execute(gone))


def _require_rate(connection: sa.Connection, signed_by: str, now: float) -> None:
    """Raise ShoplaunchError `key_throttled` when the key has reached its rate limit."""
    # Locked: concurrent requests to several servers are counted one by one
    key = api_keys.find(connection, signed_by, lock=True)
    if key is None:
        return
    at = used_signatures.c.at
    lately = (used_signatures.c.signed_by == signed_by, at > now - api_keys.RATE_SECONDS, at <= now + AHEAD_SECONDS)
    found = sa.select(sa.func.count(), sa.func.min(used_signatures.c.at)).where(*lately)
    count, oldest = connection.execute(found).one()
    if count >= key.rate:
        wait = max(1, math.ceil(oldest + api_keys.RATE_SECONDS - now))
        message = f"the key {signed_by} has asked {key.rate} times within a minute"
        raise ShoplaunchError("key_throttled", message, retry_after_seconds=wait)


def _known(connection: sa.Connection, event: str, fingerprint: str, now: float) -> Answer | None:
    row = connection.execute(sa.select(answers).where(answers.c.event == event)).one_or_none()
    if row is None:
        raise ShoplaunchError("event_running", "the event was given up a moment ago; send it again")
    if row.fingerprint != fingerprint:
        raise ShoplaunchError("event_conflict", "the event came before with another request")
    if row.status is not None:
        return Answer(row.status, row.content_type, row.body)
    if now - CLAIM_SECONDS <= row.claimed_at <= now + AHEAD_SECONDS:
        raise ShoplaunchError("event_running", "the event is being worked on")
    same = sa.and_(answers.c.event == event, answers.c.claimed_at == row.claimed_at)
    if connection.execute(sa.update(answers).where(same).values(claimed_at=now)).rowcount != 1:
        raise ShoplaunchError("event_running", "another process took the event over")
    return None
