"""Queries on the agents' stored events."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import sqlalchemy as sa

from controller.db.tables import events

if TYPE_CHECKING:
    from controller.db.documents import StoredEvent
    from shared.documents import Event

# Built once: used for every report of every agent
_STORED = sa.select(events.c.id).where(
    events.c.job == sa.bindparam("job"),
    events.c.attempt == sa.bindparam("attempt"),
    events.c.seq == sa.bindparam("seq"),
)
_NEW = sa.insert(events)
# The first that arrived: only that one moved the job on
_FINAL = (
    sa.select(events.c.body)
    .where(
        events.c.job == sa.bindparam("job"),
        events.c.attempt == sa.bindparam("attempt"),
        events.c.event == "finished",
    )
    .order_by(events.c.id)
    .limit(1)
)


def last_seq(connection: sa.Connection, job_id: str, attempt: int) -> int:
    """Return the highest sequence number stored for the attempt, 0 when there is none."""
    query = sa.select(sa.func.max(events.c.seq)).where(events.c.job == job_id, events.c.attempt == attempt)
    return connection.execute(query).scalar() or 0


def is_stored(connection: sa.Connection, job_id: str, attempt: int, seq: int) -> bool:
    """Return whether this event was stored already."""
    return connection.execute(_STORED, {"job": job_id, "attempt": attempt, "seq": seq}).first() is not None


def body_of(event: Event) -> str:
    """Return the event as it is stored: JSON in ASCII."""
    return json.dumps(event, sort_keys=True)


def insert(connection: sa.Connection, event: Event, now: float) -> None:
    """Store an event; the caller holds the job's row."""
    values = {name: event[name] for name in ("job", "attempt", "seq", "event", "at")}
    connection.execute(_NEW, {**values, "stage": event.get("stage"), "received_at": now, "body": body_of(event)})


def oldest(connection: sa.Connection, job_id: str, limit: int) -> list[sa.Row[object]]:
    """Return rows (id, attempt, seq, bytes) of the job's oldest events that end no attempt, failures last."""
    size = sa.func.length(events.c.body).label("bytes")
    # As `body_of` writes it; within a text the quotes would be escaped
    ends = sa.or_(events.c.event == "finished", events.c.body.contains('"retryable": false', autoescape=True))
    query = sa.select(events.c.id, events.c.attempt, events.c.seq, size).where(events.c.job == job_id, ~ends)
    return list(connection.execute(query.order_by(events.c.event == "failed", events.c.id).limit(limit)))


def delete(connection: sa.Connection, ids: Sequence[int]) -> None:
    """Delete these events."""
    connection.execute(sa.delete(events).where(events.c.id.in_(ids)))


def of_job(connection: sa.Connection, job_id: str) -> list[StoredEvent]:
    """Return the job's events in the order of their arrival, each with `received_at`."""
    query = sa.select(events.c.body, events.c.received_at).where(events.c.job == job_id).order_by(events.c.id)
    return [cast("StoredEvent", {**json.loads(body), "received_at": at}) for body, at in connection.execute(query)]


def final_evidence(connection: sa.Connection, job_id: str, attempt: int) -> dict[str, object]:
    """Return the evidence of the attempt's `finished` event that counted, {} when there is none."""
    body = connection.execute(_FINAL, {"job": job_id, "attempt": attempt}).scalar()
    return {} if body is None else dict(json.loads(body).get("evidence") or {})
