"""Taking a cancelled job back: the agent does it, we make sure that it can, and see that it did."""

from __future__ import annotations

from typing import Any

from controller.jobs import pull
from controller.jobs.steps import drop
from controller.jobs.steps.work import Work
from shared.errors import ShoplaunchError
from shared.job import FOLDER, JOB_FILE, cron_line

WANTED, PLACED, DONE = "wanted", "placed", "done"
#: Cron ticks between two looks.
TICKS = 3
GRACE_SECONDS = 60


def run(work: Work) -> dict[str, Any]:
    """Take the next step of undoing; return {"undo", "wake_in" (seconds or None)}.

    Where the agent never was, or has gone (maybe with the whole account), nothing is left to do. Otherwise a valid
    job file and the cron line are made sure of: the agent hears 410 at its first event, puts everything back and
    removes itself.
    Raises ShoplaunchError of the panel.
    """
    facts = work.job.facts
    if "account" not in facts or not _is_anything_there(work):
        return {"undo": DONE, "wake_in": None}
    drop.place(work, needs_bundle=False)
    work.tools.panel.ensure_cron(work.account, cron_line(work.job.id))
    seconds = TICKS * int(facts.get("cron_seconds", 60)) + GRACE_SECONDS
    return {"undo": PLACED, "wake_in": seconds}


def _is_anything_there(work: Work) -> bool:
    panel, account = work.tools.panel, work.account
    try:
        sight = pull.look(panel, account, work.job.id)
    except ShoplaunchError as error:
        if error.code != "account_missing":
            raise
        return False
    ours = sight.state is not None and sight.state.get("job") == work.job.id
    return sight.cron_line or ours or panel.file_sha256(account, f"{FOLDER}/{JOB_FILE}") is not None
