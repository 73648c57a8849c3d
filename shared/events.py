"""The agent's reports: stages, how much of the whole each is, and building and checking an event."""

from shared.schema import validate

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
#: Events that wait in the outbox until they are acknowledged; the others are sent once and may be lost.
STORED = ("started", "stage_started", "stage_finished", "failed", "finished", "cleaned")
#: Of these the ones that count: they wait for a power cut to pass, and where the controller rejects them.
ESSENTIAL = ("failed", "finished")
#: Up to this number the controller keeps events (its disk is not the account's to fill), and takes another one of the
#: same number for a repetition. An agent that is started anew by every tick for days may count on: what it says still
#: counts, and of a later final event the one that moves the job is kept.
MAX_KEPT_SEQ = 20_000


def make_event(job, attempt, seq, event, at, **more):
    """Return an event dict for job id `job`; `more` are the optional fields of the schema."""
    document = {"job": job, "attempt": attempt, "seq": seq, "event": event, "at": at}
    document.update(more)
    return document


def check_event(document):
    """Return the event `document` after checking it. Raises ShoplaunchError `event_invalid`."""
    return validate("event", document, "event_invalid")
