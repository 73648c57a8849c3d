"""Starts the agent: reads job and state, takes the lock, and lets the helper read ahead while the rest is imported."""

import sys

from agent import VERSION
from agent.base import exit_codes, limits, permissions
from agent.base.compat import keep_modules, python_version
from agent.base.failures import ACCOUNT_LIMITS, as_failure
from agent.base.log import Log, secrets_of
from agent.base.plain_files import is_there
from agent.base.state import FINAL, State
from agent.run import helper
from agent.session import job_file
from agent.session.context import Context
from agent.session.lock import acquire
from agent.tree import staging
from shared.errors import ShoplaunchError

MYPY = False
if MYPY:
    from agent.session.lock import Lock
    from shared.documents import Job, Refused


def run(folder: str) -> int:
    """Work for the job in `folder` (~/.shoplaunch) as far as it goes; return the exit code. Raises OSError."""
    try:
        found = _read_job(folder)
        job = None if isinstance(found, ShoplaunchError) else found[1]
        lock = _lock(folder, job)
    except FileNotFoundError:
        if is_there(sys.path[0] or folder):
            raise
        # The agent that was at work is through, and has removed itself meanwhile
        return exit_codes.DONE
    if lock is None:
        return exit_codes.BUSY
    log = Log(folder)
    state = State(folder)
    if state.set_aside:
        log.info("stale_state: the state was unreadable and is now %s", state.set_aside)
    if _is_over(state, job):
        # Imported here: most starts find nothing to clear away
        from agent.run import session

        return session.clean_up(folder, state, job, log, lock)
    if isinstance(found, ShoplaunchError):
        return _refuse(state, found, found.details.get("named"), log)
    raw, job = found
    if state.data.get("job") == job["job"] and state.data.get("attempt", 0) > job["attempt"]:
        return exit_codes.SUPERSEDED
    try:
        return _work(folder, raw, job, state, log, lock)
    except (ShoplaunchError, MemoryError) as error:
        failure = as_failure(error)
        if failure.code == "superseded":
            return exit_codes.SUPERSEDED
        if failure.code != ACCOUNT_LIMITS:
            raise
        # Nothing can be reported, so it stands where the controller looks
        log.info("%s: %s", failure.code, failure.message)
        state.update(status="waiting", error=failure.as_dict(), refused=job_file.named_by(job))
        return exit_codes.WAITING


def _read_job(folder: str) -> "tuple[bytes, Job] | ShoplaunchError":
    """Return (raw, job), or a ShoplaunchError with the reason why there is no usable job file."""
    try:
        return job_file.load(folder, job_file.public_keys())
    except ShoplaunchError as error:
        return error


def _lock(folder: str, job: "Job | None") -> "Lock | None":
    """Return the lock, None while another agent works. Raises OSError."""
    permissions.tighten(folder)
    try:
        return acquire(folder, job and job["job"], job["attempt"] if job else 0)
    except ShoplaunchError:
        return None


def _shortage(job: "Job") -> "ShoplaunchError | None":
    """Return why an agent that cron did not start leaves the work to cron, None where it does not."""
    try:
        if limits.is_rung():
            limits.check(job)
    except ShoplaunchError as error:
        return error
    return None


def _is_over(state: "State", job: "Job | None") -> bool:
    """Return whether the state's job is done or undone, and no newer job is there."""
    if state.data.get("status") not in FINAL:
        return False
    return job is None or (job["job"] == state.data.get("job") and job["attempt"] <= state.data.get("attempt", 0))


def _refuse(state: "State", problem: "ShoplaunchError", named: "Refused | None", log: "Log") -> int:
    """Refuse a job file: note the reason in the state, where the controller can read it, and do nothing else.

    `named` is the {"job", "attempt"} from a job file with a valid signature, else None. The state of an earlier attempt
    stays: the next attempt continues from it.
    """
    log.info("%s: %s", problem.code, problem.message)
    if problem.code == "job_missing" and not state.data.get("job"):
        return exit_codes.FAILED
    state.update(status="failed", error=problem.as_dict(), refused=named)
    return exit_codes.FAILED


def _work(folder: str, raw: bytes, job: "Job", state: "State", log: "Log", lock: "Lock") -> int:
    log.hide(secrets_of(job))
    log.info("agent %s on Python %s, job %s attempt %d", VERSION, python_version(), job["job"], job["attempt"])
    guard = job_file.Guard(folder, raw, job, job_file.public_keys(), lock.file_id)
    # Where the lock does not exclude an agent of an older attempt, it must not overwrite the newer one's state
    state.only_while(guard.check)
    ctx = Context(job, folder, state, log, lock=lock, guard=guard)
    staging.recall(ctx)
    problem = _shortage(job)
    reading = None if ctx.has_given_up or problem is not None else helper.start(ctx)
    try:
        # Imported here: that takes as long as reading a small shop
        from agent.run import session
        from agent.tree import starters

        keep_modules()
        try:
            client = session.client_of(job)
        except ShoplaunchError as error:
            starters.remove(job, log)
            return _refuse(state, error, job_file.named_by(job), log)
        return session.run(ctx, client, reading, problem)
    finally:
        if reading is not None:
            reading.end()
