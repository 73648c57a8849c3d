"""The agent's reports: stages, how much of the whole each is, and building and checking an event."""

import json

from shared.schema import validate

MYPY = False
if MYPY:
    from typing import Any

    from shared.documents import Event

#: In order; unpack and import run side by side.
STAGES = ("verify", "preflight", "unpack", "import", "configure", "edit", "prove", "switch", "report", "cleanup")
#: Percent of the whole that is done when a stage has finished (unpack and import add up to 75 between them).
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
#: The same of a small job, which is only these.
SMALL_PERCENT_AFTER = {"verify": 10, "preflight": 30, "configure": 60, "edit": 90, "report": 98, "cleanup": 100}
#: How an agent may be started besides by cron, and the variable of its environment that says so.
START_WAYS = ("account", "ssh", "web")
START_VARIABLE = "SHOPLAUNCH_START"
#: Events that wait in the outbox until they are acknowledged; the others are sent once and may be lost.
STORED = ("started", "stage_started", "stage_finished", "failed", "finished", "cleaned")
#: Of these the ones that count: they wait for a power cut to pass, and where the controller rejects them.
ESSENTIAL = ("failed", "finished")
#: No report is larger, but the final one with its evidence (and a failure's log, which is not kept).
MAX_REPORT_BYTES = 8 * 1024
#: Up to this number the controller keeps events (its disk is not the account's to fill), and takes another one of the
#: same number for a repetition. An agent that is started anew by every tick for days may count on: what it says still
#: counts, and of a later final event the one that moves the job is kept.
MAX_KEPT_SEQ = 20_000


def make_event(job: str, attempt: int, seq: int, event: str, at: float, **more: "Any") -> "Event":
    """Return an event dict for job id `job`; `more` are the optional fields of the schema."""
    made: "Any" = {"job": job, "attempt": attempt, "seq": seq, "event": event, "at": at}
    made.update(more)
    document: "Event" = made
    return document


def fitted(event: "Event") -> "Event":
    """Return the dict `event` no larger than MAX_REPORT_BYTES, the final one as it is: without evidence, with as many
    of the log's last lines as there is room for, and a failure's words cut where they alone are too long."""
    if event["event"] == "finished" or _size(event) <= MAX_REPORT_BYTES:
        return event
    kept: "Any" = {name: value for name, value in event.items() if name not in ("evidence", "log")}
    found: "Event" = kept
    error = found.get("error")
    if error and _size(found) > MAX_REPORT_BYTES:
        # At most twelve bytes each
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
