"""The acknowledgement file ~/.shoplaunch/ack: signed, put there through the panel for an agent that cannot reach the
controller."""

from shared.schema import load_schema, validate

MYPY = False
if MYPY:
    from shared.documents import Ack

FORMAT = 1
#: The status the HTTP answer would have had: all events up to `seq` have arrived, or the job is cancelled.
ACCEPTED = 202
CANCELLED = 410


def make_ack(job: str, attempt: int, seq: int, status: int) -> "Ack":
    """Return the payload that acknowledges the events up to number `seq` of attempt `attempt` of job id `job`."""
    return {"format": FORMAT, "job": job, "attempt": attempt, "seq": seq, "status": status}


def check_ack(payload: object) -> "Ack":
    """Return `payload` after checking it. Raises ShoplaunchError `job_invalid`."""
    checked: "Ack" = validate("ack", payload, "job_invalid")
    return checked


#: The schema is loaded at import: it stays available after the agent's own archive is gone.
load_schema("ack")
