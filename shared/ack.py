"""The controller's answer through the panel, for an agent that cannot reach it: the signed file ~/.shoplaunch/ack."""

from shared.schema import load_schema, validate

FORMAT = 1
#: What the answer over HTTP would have been: everything up to `seq` has arrived; the job is cancelled.
ACCEPTED = 202
CANCELLED = 410


def make_ack(job, attempt, seq, status):
    """Return the payload that answers attempt `attempt` of job id `job`: its events up to number `seq`."""
    return {"format": FORMAT, "job": job, "attempt": attempt, "seq": seq, "status": status}


def check_ack(payload):
    """Return `payload` after checking it. Raises ShoplaunchError `job_invalid`."""
    return validate("ack", payload, "job_invalid")


#: Loading the schema now keeps it available after the agent's own archive is gone.
load_schema("ack")
