"""Which of a job's reports are stored: a limited number and size; a report that ends an attempt always is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

import sqlalchemy as sa

from controller.db import events, facts
from controller.db.documents import JobColumns
from controller.db.jobs import Job
from controller.jobs.agent_link.reports import is_final
from shared.errors import ShoplaunchError
from shared.events import MAX_KEPT_SEQ

if TYPE_CHECKING:
    from shared.documents import Event

#: Stored reports of one job, and how many of the oldest are dropped at once for a new one.
KEPT = 300
DROPPED_AT_ONCE = 50
#: Bytes of one job's reports: enough for twenty attempts that ended with the largest possible evidence.
KEPT_BYTES = 16 * 1024 * 1024
#: Members of every event that are stored; all are stored only of the event whose evidence counts.
_PARTS = ("job", "attempt", "seq", "event", "at", "stage", "percent", "seconds", "error")
_WORDS = 1900


def is_known(connection: sa.Connection, job: Job, event: Event) -> bool:
    """Return whether the event was taken before; no event up to the last dropped one is new."""
    if event["seq"] <= facts.of(job).events_dropped:
        return True
    return events.is_stored(connection, event["job"], event["attempt"], event["seq"])


def keep(connection: sa.Connection, job: Job, event: Event, now: float, *, counts: bool) -> JobColumns:
    """Store the event if it is to be stored; return the job's columns. `counts`: it ends its attempt.

    Raises ShoplaunchError `events_full`.
    """
    if not counts and (event["seq"] > MAX_KEPT_SEQ or is_final(event)):
        return {}
    kept = event if counts and event["event"] == "finished" else _short(event)
    size = len(events.body_of(kept))
    columns = _room(connection, job, size)
    events.insert(connection, kept, now)
    number, total = columns.get("events_kept", job.events_kept), columns.get("events_bytes", job.events_bytes)
    return {**columns, "events_kept": number + 1, "events_bytes": total + size}


def _short(event: Event) -> Event:
    """Return the stored part of an event, however long the agent's texts are."""
    # Still an event: every required member is among the parts
    found = cast("Event", {name: value for name, value in event.items() if name in _PARTS})
    if error := found.get("error"):
        # A non-ASCII character is stored as up to twelve bytes
        words = _WORDS if error["message"].isascii() and error["advice"].isascii() else _WORDS // 8
        found["error"] = {**error, "message": error["message"][:words], "advice": error["advice"][:words]}
    return found


def _room(connection: sa.Connection, job: Job, size: int) -> JobColumns:
    """Make room for an event of `size` bytes; return the job's columns after that. Raises `events_full`."""
    number, total = job.events_kept, job.events_bytes
    if number < KEPT and total + size <= KEPT_BYTES:
        return {}
    gone = events.oldest(connection, job.id, max(DROPPED_AT_ONCE, min(number - KEPT, 10 * DROPPED_AT_ONCE)))
    number, total = number - len(gone), total - sum(row.bytes for row in gone)
    if total + size > KEPT_BYTES and not gone:
        raise ShoplaunchError("events_full", f"the job's reports take {job.events_bytes} bytes already")
    events.delete(connection, [row.id for row in gone])
    columns: JobColumns = {"events_kept": number, "events_bytes": total}
    last = max((row.seq for row in gone if row.attempt == job.attempt), default=0)
    if last > facts.of(job).events_dropped:
        columns |= facts.column(replace(facts.of(job), events_dropped=last))
    return columns
