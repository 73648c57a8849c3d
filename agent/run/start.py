"""One start of the agent: job, lock and state in hand, and the helper reading ahead while the rest is loaded."""

from agent import VERSION
from agent.base import exit_codes, limits, permissions
from agent.base.compat import keep_modules, python_version
from agent.base.log import Log, secrets_of
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
    found = _read_job(folder)
    job = None if isinstance(found, ShoplaunchError) else found[1]
    permissions.tighten(folder)
    try:
        lock = acquire(folder, job and job["job"], job["attempt"] if job else 0)
    except ShoplaunchError:
        return exit_codes.BUSY
    if lock is None:
        return exit_codes.BUSY
    log = Log(folder)
    state = State(folder)
    if state.set_aside:
        log.info("stale_state: the state was unreadable and is now %s", state.set_aside)
    if _is_over(state, job):
        from agent.run import session

        return session.clean_up(folder, state, job, log, lock)
    if isinstance(found, ShoplaunchError):
        return _refuse(state, found, found.details.get("named"), log)
    raw, job = found
    if state.get("job") == job["job"] and state.get("attempt", 0) > job["attempt"]:
        return exit_codes.SUPERSEDED
    try:
        return _work(folder, raw, job, state, log, lock)
    except ShoplaunchError as error:
        if error.code != "superseded":
            raise
        return exit_codes.SUPERSEDED


def _read_job(folder: str) -> "tuple[bytes, Job] | ShoplaunchError":
    """Return (raw, job), or the ShoplaunchError that says why there is no usable job file."""
    try:
        return job_file.load(folder, job_file.public_keys())
    except ShoplaunchError as error:
        return error


def _shortage(job: "Job") -> "ShoplaunchError | None":
    """Return why an agent that cron did not start leaves the work to cron, None where it does not."""
    try:
        if limits.is_rung():
            limits.check(job)
    except ShoplaunchError as error:
        return error
    return None


def _is_over(state: "State", job: "Job | None") -> bool:
    """Tell whether the state's job is done or taken back and no newer one is there."""
    if state.get("status") not in FINAL:
        return False
    return job is None or (job["job"] == state.get("job") and job["attempt"] <= state.get("attempt", 0))


def _refuse(state: "State", problem: "ShoplaunchError", named: "Refused | None", log: "Log") -> int:
    """A job file that is not worked for: say so where the controller can look, and do nothing.

    `named` is the {"job", "attempt"} that a signature of the controller's vouches for, else None. What the state
    knows of an earlier attempt stays: the next one goes on from it.
    """
    log.info("%s: %s", problem.code, problem.message)
    if problem.code == "job_missing" and not state.get("job"):
        return exit_codes.FAILED
    state.update(status="failed", error=problem.as_dict(), refused=named)
    return exit_codes.FAILED


def _work(folder: str, raw: bytes, job: "Job", state: "State", log: "Log", lock: "Lock") -> int:
    log.hide(secrets_of(job))
    log.info("agent %s on Python %s, job %s attempt %d", VERSION, python_version(), job["job"], job["attempt"])
    guard = job_file.Guard(folder, raw, job, job_file.public_keys(), lock.file_id)
    # Where the lock does not hold back an agent of an older attempt, the newer one's notes are at stake
    state.only_while(guard.check)
    ctx = Context(job, folder, state, log, lock=lock, guard=guard)
    staging.recall(ctx)
    problem = _shortage(job)
    reading = None if ctx.has_given_up or problem is not None else helper.start(ctx)
    try:
        # Here, not above: to load it takes as long as to read a small shop
        from agent.run import session

        keep_modules()
        try:
            door = session.door_of(job)
        except ShoplaunchError as error:
            return _refuse(state, error, job_file.named_by(job), log)
        return session.run(ctx, door, reading, problem)
    finally:
        if reading is not None:
            reading.end()
