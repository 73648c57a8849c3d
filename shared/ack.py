"""The controller's answer through the panel, for an agent that cannot reach it: the signed file ~/.shoplaunch/ack."""

from shared.schema import load_schema, validate

MYPY = False
if MYPY:
    from shared.documents import Ack

FORMAT = 1
#: What the answer over HTTP would have been: everything up to `seq` has arrived; the job is cancelled.
ACCEPTED = 202
CANCELLED = 410


def make_ack(job: str, attempt: int, seq: int, status: int) -> "Ack":
    """Return the payload that answers attempt `attempt` of job id `job`: its events up to number `seq`."""
    return {"format": FORMAT, "job": job, "attempt": attempt, "seq": seq, "status": status}


def check_ack(payload: object) -> "Ack":
    """Return `payload` after checking it. Raises ShoplaunchError `job_invalid`."""
    checked: "Ack" = validate("ack", payload, "job_invalid")
    return checked


#: Loading the schema now keeps it available after the agent's own archive is gone.
load_schema("ack")
