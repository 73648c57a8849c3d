"""Signed requests: each signature once, each event one answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from controller.db.web_tables import signed_events, used_signatures
from shared.errors import ShoplaunchError

#: A signature is remembered longer than its time stamp is accepted (300 s to both sides).
SIGNATURE_SECONDS = 3600
#: A sender that repeats an event after this time is answered anew.
EVENT_SECONDS = 90 * 86400
#: A claim without an answer for so long belongs to a process that is gone.
CLAIM_SECONDS = 120


@dataclass(frozen=True)
class Answer:
    """The first answer to an event."""

    status: int
    content_type: str
    body: bytes


class RequestLog:
    """Remembers signed requests in the controller's database. Times are unix seconds of `clock`."""

    def __init__(self, engine: sa.Engine, clock: Callable[[], float] = time.time) -> None:
        self._engine = engine
        self._clock = clock

    def use_signature(self, signature: str) -> None:
        """Note that `signature` was used. Raises ShoplaunchError `request_unsigned` when it was used before."""
        now = int(self._clock())
        with self._engine.begin() as connection:
            connection.execute(sa.delete(used_signatures).where(used_signatures.c.used_at < now - SIGNATURE_SECONDS))
        try:
            with self._engine.begin() as connection:
                connection.execute(sa.insert(used_signatures).values(signature=signature, used_at=now))
        except IntegrityError:
            raise ShoplaunchError("request_unsigned", "the signature was used before") from None

    def claim(self, key: str, event: str, fingerprint: str) -> Answer | None:
        """Return the first answer to the event, None when the caller is the one to give it.

        Raises ShoplaunchError `event_conflict` when the event asked something else before, `event_running` (retryable)
        while its first answer is being made.
        """
        now = int(self._clock())
        row = {"key_name": key, "event": event, "fingerprint": fingerprint, "claimed_at": now}
        try:
            with self._engine.begin() as connection:
                connection.execute(sa.delete(signed_events).where(signed_events.c.claimed_at < now - EVENT_SECONDS))
                connection.execute(sa.insert(signed_events).values(**row))
        except IntegrityError:
            return self._known(key, event, fingerprint, now)
        return None

    def _known(self, key: str, event: str, fingerprint: str, now: int) -> Answer | None:
        with self._engine.begin() as connection:
            row = connection.execute(sa.select(signed_events).where(_is(key, event))).one_or_none()
            if row is None:
                raise ShoplaunchError("event_running", "the event was given up a moment ago; send it again")
            if row.fingerprint != fingerprint:
                raise ShoplaunchError("event_conflict", "the event came before with another request")
            if row.status is not None:
                return Answer(row.status, row.content_type, bytes(row.body))
            taken_over = connection.execute(
                sa.update(signed_events)
                .where(
                    _is(key, event), signed_events.c.claimed_at == row.claimed_at, row.claimed_at < now - CLAIM_SECONDS
                )
                .values(claimed_at=now)
            )
        if taken_over.rowcount != 1:
            raise ShoplaunchError("event_running", "the event is being worked on")
        return None

    def keep(self, key: str, event: str, answer: Answer) -> None:
        """Keep `answer` as the event's first."""
        values = {"status": answer.status, "content_type": answer.content_type, "body": answer.body}
        with self._engine.begin() as connection:
            connection.execute(sa.update(signed_events).where(_is(key, event)).values(**values))

    def release(self, key: str, event: str) -> None:
        """Give an event without an answer up, so that it may be sent again at once."""
        with self._engine.begin() as connection:
            connection.execute(sa.delete(signed_events).where(_is(key, event), signed_events.c.status.is_(None)))


def _is(key: str, event: str) -> sa.ColumnElement[bool]:
    return sa.and_(signed_events.c.key_name == key, signed_events.c.event == event)
