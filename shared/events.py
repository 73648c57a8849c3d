"""The agent's events: stages and their share of the whole, building and checking an event."""

import json

from shared.schema import validate

MYPY = False
if MYPY:
    from typing import Any

    from shared.documents import Event

#: In order; unpack and import run in parallel.
STAGES = ("verify", "preflight", "unpack", "import", "configure", "edit", "prove", "switch", "report", "cleanup")
#: Percent of the whole job when a stage has finished (unpack and import together lead to 75).
PERCENT_AFTER = {
    "verify": 2,
    "preflight": 5,
    "unpack": 40,
    "import": 75,
    "configure": 80,
    "edit": 80,
    "prove": 90,
    "switch": 96,
    "report": 98,
    "cleanup": 100,
}
#: The same for a follow-up job, which has only these stages.
FOLLOW_UP_PERCENT_AFTER = {"verify": 10, "preflight": 30, "configure": 60, "edit": 90, "report": 98, "cleanup": 100}
#: How an agent may be started other than by cron.
START_WAYS = ("account", "ssh", "web")
#: Events that stay in the outbox until they are acknowledged; the others are sent once and may be lost.
STORED = ("started", "stage_started", "stage_finished", "failed", "finished", "cleaned")
#: Those that matter most: synced to disk, and kept when the controller rejects them.
ESSENTIAL = ("failed", "finished")
#: Size limit of an event, except the final one with its evidence (and a failure's log, which is not kept).
MAX_REPORT_BYTES = 8 * 1024
#: The controller keeps events up to this number (an account must not fill its disk), and ignores a repeated number. An
#: agent that is restarted by every tick for days may exceed it: its events still take effect, and of later final events
#: the controller keeps the one that moves the job on.
MAX_KEPT_SEQ = 20_000


def make_event(job: str, attempt: int, seq: int, event: str, at: float, **more: "object") -> "Event":
    """Return an event dict for job id `job`; `more` are the optional fields of the schema."""
    made: "Any" = {"job": job, "attempt": attempt, "seq": seq, "event": event, "at": at}
    made.update(more)
    document: "Event" = made
    return document


def fitted(event: "Event") -> "Event":
    """Return the dict `event` cut to MAX_REPORT_BYTES: without evidence, with the last lines of the log that fit, and
    with a failure's message shortened where that alone is too long. The final event stays as it is."""
    if event["event"] == "finished" or _size(event) <= MAX_REPORT_BYTES:
        return event
    kept: "Any" = {name: value for name, value in event.items() if name not in ("evidence", "log")}
    found: "Event" = kept
    error = found.get("error")
    if error and _size(found) > MAX_REPORT_BYTES:
        # At most twelve bytes per character
        error["message"], error["advice"] = error["message"][:400], error["advice"][:200]
    left = MAX_REPORT_BYTES - _size(found) - len(', "log": []')
    lines: "list[str]" = []
    for line in reversed(event.get("log", ())):
        left -= _size(line) + len(", ")
        if left < 0:
            break
        lines.insert(0, line)
    if lines:
        found["log"] = lines
    return found


def _size(value: object) -> int:
    return len(json.dumps(value))


def check_event(document: object) -> "Event":
    """Return the event `document` after checking it. Raises ShoplaunchError `event_invalid`."""
    event: "Event" = validate("event", document, "event_invalid")
    return event
