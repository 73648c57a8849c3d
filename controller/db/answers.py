"""Queries on signed requests: signatures already used, and the first answer each event got."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from controller.db.tables import answers, used_signatures


def use_signature(connection: sa.Connection, signature: str, now: float, forget_before: float) -> None:
    """Note a signature. Raises sqlalchemy IntegrityError when it was used before."""
    connection.execute(sa.delete(used_signatures).where(used_signatures.c.at < forget_before))
    connection.execute(sa.insert(used_signatures).values(signature=signature, at=now))


def find(connection: sa.Connection, event: str) -> sa.Row[Any] | None:
    """Return the event's row (fingerprint, status, content_type, body, claimed_at), None for a new event."""
    return connection.execute(sa.select(answers).where(answers.c.event == event).with_for_update()).first()


def claim(connection: sa.Connection, event: str, fingerprint: str, now: float, forget_before: float) -> None:
    """The event is being answered. Raises sqlalchemy IntegrityError when it is known."""
    connection.execute(sa.delete(answers).where(answers.c.claimed_at < forget_before))
    values: dict[str, Any] = {"event": event, "fingerprint": fingerprint, "claimed_at": now, "body": ""}
    connection.execute(sa.insert(answers).values(**values))


def renew_claim(connection: sa.Connection, event: str, now: float) -> None:
    """Whoever claimed the event before is gone; it is being answered anew."""
    connection.execute(sa.update(answers).where(answers.c.event == event).values(claimed_at=now))


def keep(connection: sa.Connection, event: str, status: int, content_type: str, body: str) -> None:
    """This is the event's answer from now on."""
    values = {"status": status, "content_type": content_type, "body": body}
    connection.execute(sa.update(answers).where(answers.c.event == event).values(**values))


def release(connection: sa.Connection, event: str) -> None:
    """The event was not answered; it may be tried again."""
    connection.execute(sa.delete(answers).where(answers.c.event == event, answers.c.status.is_(None)))
