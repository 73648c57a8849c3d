"""Stage cleanup: removes all that the agent put into the account, in an order that can be resumed at any point."""

import errno
import os
import time

from agent.base.plain_files import is_folder
from agent.base.state import sync_folder
from agent.database import access, ledger
from agent.reporting.outbox import FOLDER as OUTBOX_FOLDER
from agent.session import crontab, job_file
from agent.tree import staging, starters
from shared.errors import ShoplaunchError
from shared.job import (
    ACK_FILE,
    AGENT_FILE,
    BUNDLE_FILE,
    JOB_FILE,
    LAUNCHER_FILE,
    LOCK_FILE,
    LOG_FILE,
    STAMP_FILE,
    STATE_FILE,
)

MYPY = False
if MYPY:
    from agent.base.log import Log
    from agent.base.state import State
    from shared.documents import Job

NAME = "cleanup"
#: The interpreter that the launcher found, noted by it.
INTERPRETER_FILE = "python"
#: Beginnings of the names of other files to remove at the end. They match no file of a new job.
REST = (
    STATE_FILE,
    LOG_FILE,
    LAUNCHER_FILE + ".",
    AGENT_FILE + ".",
    STAMP_FILE,
    INTERPRETER_FILE,
    "htaccess.before",
    job_file.SPENT_FILE,
)


def run(folder: str, state: "State", job: "Job | None", log: "Log") -> None:
    """Remove bundle, starters, job and staging, the ledger, agent and launcher, the cron line, and last the folder.

    Call it only when the state says `done` or `cancelled`, holding the lock. `job` is the payload, or None when an
    earlier run has removed it already. Raises ShoplaunchError `db_*` (retryable ones), `cron_edit_failed`, `superseded`
    as soon as a newer job file exists; OSError.
    """
    job_id, number = state.data.get("job", ""), state.data.get("attempt", 0)
    check_no_newer(folder, job_id, number)
    _remove_bundle(folder)
    if job is not None:
        # The job contains the names of its starters
        starters.remove(job, log)
    _spend_job(folder)
    staging.remove(state.data.get("staging", ""))
    if job is not None:
        check_no_newer(folder, job_id, number)
        _drop_ledger(job, log)
    _unlink(os.path.join(folder, job_file.SPENT_FILE))
    # The launcher first: the cron line must never start a launcher without an agent
    for name in (LAUNCHER_FILE, AGENT_FILE):
        check_no_newer(folder, job_id, number)
        _unlink(os.path.join(folder, name))
    sync_folder(folder)
    check_no_newer(folder, job_id, number)
    crontab.remove_line(job_id, log)
    check_no_newer(folder, job_id, number)
    log.close()
    state.close()
    _remove_rest(folder)


def check_no_newer(folder: str, job_id: str, number: int) -> None:
    """Raise ShoplaunchError `superseded` when a valid job file of another job or a later attempt than `number` exists:
    that job owns the folder's content."""
    try:
        job = job_file.load(folder, job_file.public_keys())[1]
    except ShoplaunchError:
        # No job file, or one without a valid signature
        return
    if job["job"] != job_id or job["attempt"] > number:
        raise job_file.superseded(job)


def _remove_bundle(folder: str) -> None:
    for name in os.listdir(folder):
        if name == BUNDLE_FILE or (name.startswith(BUNDLE_FILE + ".") and name.endswith(".part")):
            _unlink(os.path.join(folder, name))


def _spend_job(folder: str) -> None:
    """End the job, keeping its file under another name: the database login is needed until the ledger is gone."""
    path = os.path.join(folder, JOB_FILE)
    try:
        os.replace(path, os.path.join(folder, job_file.SPENT_FILE))
    except FileNotFoundError:
        return
    sync_folder(folder)


def _drop_ledger(job: "Job", log: "Log") -> None:
    """Drop the ledger tables, unless the database is permanently inaccessible."""
    try:
        connection = access.connect(job["values"])
        try:
            ledger.drop_ledger(connection)
        finally:
            connection.close()
    except ShoplaunchError as error:
        if error.retryable and time.time() < job["expires_at"]:
            raise
        log.info("the ledger tables stay: %s", error.message)


def _remove_rest(folder: str) -> None:
    """Remove the folder, unless it contains files of others."""
    outbox = os.path.join(folder, OUTBOX_FOLDER)
    if is_folder(outbox):
        for name in os.listdir(outbox):
            _unlink(os.path.join(outbox, name))
        _rmdir(outbox)
    for name in os.listdir(folder):
        if name.startswith(REST):
            _unlink(os.path.join(folder, name))
    _unlink(os.path.join(folder, ACK_FILE))
    _unlink(os.path.join(folder, LOCK_FILE))
    _rmdir(folder)


def _rmdir(folder: str) -> None:
    try:
        os.rmdir(folder)
    except OSError as error:
        # The controller may upload files or remove the folder at any moment
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT):
            raise


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except (FileNotFoundError, IsADirectoryError):
        # A folder is not ours, whatever its name
        return
