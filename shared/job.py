"""The job file: the controller's instructions for the agent, and their check."""

from shared.encoding import canonical_json, is_text, sha256_hex
from shared.errors import ShoplaunchError
from shared.schema import validate

MYPY = False
if MYPY:
    from typing import Mapping

    from shared.documents import Job, ValuesDigests

FORMAT = 1
#: Jobs of every other kind follow up on a shop: statements and edits of the recipe, no bundle.
RESTORE = "restore"
#: The agent's folder in the account's home and the files in it.
FOLDER = ".shoplaunch"
JOB_FILE = "job"
AGENT_FILE = "agent.pyz"
LAUNCHER_FILE = "run"
#: In the environment of an agent that cron did not start: by which of shared.events.START_WAYS it was started.
START_VARIABLE = "SHOPLAUNCH_START"
#: The digest of the agent that a panel uploaded but cannot read back.
STAMP_FILE = "agent.sha256"
BUNDLE_FILE = "shop.bundle"
STATE_FILE = "state.json"
LOG_FILE = "agent.log"
LOCK_FILE = "lock"
ACK_FILE = "ack"
#: Where the entries of an occupied document root are moved when the job allows it.
REPLACED_FOLDER = ".shoplaunch-replaced"

CRON_LINE = "* * * * * test ! -f ~/.shoplaunch/run || exec sh ~/.shoplaunch/run >/dev/null 2>&1 # shoplaunch:{job}"


def cron_line(job_id: str) -> str:
    """Return the one-shot cron line of job `job_id`, without a line end."""
    return CRON_LINE.format(job=job_id)


def cron_command(job_id: str) -> str:
    """Return the command cron runs for job `job_id` at each tick."""
    return cron_line(job_id).split(None, 5)[5]


def check_job(payload: object) -> "Job":
    """Return the job `payload` (dict) after checking it.

    Raises ShoplaunchError `job_format` for a newer format and `job_invalid` for a violation of the schema.
    """
    if isinstance(payload, dict) and payload.get("format") != FORMAT:
        raise ShoplaunchError("job_format", "the job file's format is {!r}".format(payload.get("format")))
    job: "Job" = validate("job", payload, "job_invalid")
    if not is_text(payload):
        raise ShoplaunchError("job_invalid", "the job holds what is not text")
    account = job["account"]
    home = account["home"].rstrip("/")
    root, below = account["root"].rstrip("/"), job.get("document_root", {}).get("folder")
    if below is not None:
        if not root.endswith("/" + below):
            raise ShoplaunchError("job_invalid", "the shop's folder is not the end of its path")
        root = root[: -len(below)].rstrip("/")
    if not (root + "/").startswith(home + "/") or root == home:
        raise ShoplaunchError("job_invalid", "the document root is not below the home directory")
    if ".." in account["root"].split("/"):
        raise ShoplaunchError("job_invalid", "the document root is not a plain path")
    return job


def values_sha256(values: "Mapping[str, str]") -> "ValuesDigests":
    """Return {"database": sha256, "other": sha256} over the `db.*` values and over all others."""
    database = {name: value for name, value in values.items() if name.startswith("db.")}
    other = {name: value for name, value in values.items() if not name.startswith("db.")}
    return {"database": sha256_hex(canonical_json(database)), "other": sha256_hex(canonical_json(other))}
