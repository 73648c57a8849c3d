"""Reads an agent's state through the panel when its reports do not arrive, and what is left of it in the account."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from controller.account import Account
from controller.db.jobs import Job
from controller.jobs.agent_judgement.sight import PYTHON_MISSING, Sight
from controller.jobs.record import sanitize
from controller.panels.base import Panel
from controller.panels.both import both
from shared.errors import ShoplaunchError
from shared.job import FOLDER, STATE_FILE
from shared.schema import validate

if TYPE_CHECKING:
    from shared.documents import State

#: A larger file is no state: that of a shop with a thousand shards and tables has a tenth.
STATE_BYTES = 1_000_000
#: The state of a shop with a thousand shards and tables has a tenth.
STATE_VALUES = 100_000
#: Panel errors where something else stands in place of the agent's folder, or it holds more than panels list: no agent
#: of this controller works from there.
NO_FOLDER = ("path_refused", "panel_answer_too_large")
_NO_STATE = b'{"format":1}'


class Traces(NamedTuple):
    """Whether the job's cron line is in the crontab, and whether something is where the agent's folder was."""

    cron_line: bool
    folder: bool


def marker(job_id: str) -> str:
    """Return the comment at the end of the job's cron line."""
    return f"shoplaunch:{job_id}"


def has_cron_line(panel: Panel, account: Account, job_id: str) -> bool:
    """Return whether the job's cron line is in the account's crontab."""
    return any(line.rstrip().endswith(f"# {marker(job_id)}") for line in panel.cron_lines(account))


def read(panel: Panel, account: Account, job: Job) -> Sight:
    """Return the state of the current attempt's agent; only where it gives no verdict, also what else is there.

    Raises ShoplaunchError of the panel.
    """
    state = _state(panel, account)
    if state is not None and (state.get("job"), state.get("attempt")) == (job.id, job.attempt):
        return Sight(state, True, True)
    return Sight(state, has_cron_line(panel, account, job.id), panel.list_folder(account, FOLDER) is not None)


def forget_missing_python(panel: Panel, account: Account) -> None:
    """Remove the launcher's note that the account has no Python: Python may have been installed since.

    Raises ShoplaunchError of the panel.
    """
    state = _state(panel, account)
    if state is not None and state.get("error") == PYTHON_MISSING:
        panel.put_file(account, f"{FOLDER}/{STATE_FILE}", _NO_STATE, 0o600)


def left(panel: Panel, account: Account, job_id: str) -> Sight:
    """Return what is left of the job's agent; everything is checked. Raises ShoplaunchError of the panel."""
    try:
        state = _state(panel, account)
    except ShoplaunchError as error:
        if error.code not in NO_FOLDER:
            raise
        state = None
    return Sight(state, *traces(panel, account, job_id))


def traces(panel: Panel, account: Account, job_id: str) -> Traces:
    """Return what shows that the job's agent has not cleaned up. Raises ShoplaunchError of the panel."""

    def folder() -> bool:
        try:
            return panel.list_folder(account, FOLDER) is not None
        except ShoplaunchError as error:
            if error.code not in NO_FOLDER:
                raise
            # Whatever it is, it has to go
            return True

    return Traces(*both(lambda: has_cron_line(panel, account, job_id), folder))


def _state(panel: Panel, account: Account) -> State | None:
    try:
        content = panel.read_file(account, f"{FOLDER}/{STATE_FILE}", limit=STATE_BYTES)
    except ShoplaunchError as error:
        if error.code != "file_too_large":
            raise
        content = None
    return None if content is None else _state_in(content)


def _state_in(content: bytes) -> State | None:
    try:
        document = sanitize.sanitized(sanitize.parsed(content, STATE_VALUES, "stale_state"), "stale_state")
        state: State = validate("state", document, "stale_state")
    except ShoplaunchError:
        # The account can write anything there; an invalid state is ignored
        return None
    return state
