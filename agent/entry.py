"""One start of the agent: job, lock and state in hand, and the helper reading ahead while the rest is loaded."""

from agent import VERSION, exits, helper, jobfile, limits, modes, staging
from agent.compat import keep_modules, python_version
from agent.context import Context
from agent.lock import acquire
from agent.log import Log, secrets_of
from agent.state import FINAL, State
from shared.errors import ShoplaunchError


def run(folder):
    """Work for the job in `folder` (~/.shoplaunch) as far as it goes; return the exit code. Raises OSError."""
    raw, job, problem = _read_job(folder)
    modes.tighten(folder)
    try:
        lock = acquire(folder, job and job["job"], job["attempt"] if job else 0)
    except ShoplaunchError:
        return exits.BUSY
    if lock is None:
        return exits.BUSY
    log = Log(folder)
    state = State(folder)
    if state.set_aside:
        log.info("stale_state: the state was unreadable and is now %s", state.set_aside)
    if _is_over(state, job):
        from agent import work

        return work.clean_up(folder, state, job, log, lock)
    if problem is not None:
        return _refuse(state, problem, problem.details.get("named"), log)
    if state.get("job") == job["job"] and state.get("attempt", 0) > job["attempt"]:
        return exits.SUPERSEDED
    try:
        return _work(folder, raw, job, state, log, lock)
    except ShoplaunchError as error:
        if error.code != "superseded":
            raise
        return exits.SUPERSEDED


def _read_job(folder):
    """Return (raw, job, None), or (None, None, ShoplaunchError) when there is no usable job file."""
    try:
        raw, job = jobfile.load(folder, jobfile.public_keys())
    except ShoplaunchError as error:
        return None, None, error
    return raw, job, None


def _shortage(job):
    """Return why an agent that cron did not start leaves the work to cron, None where it does not."""
    try:
        if limits.is_rung():
            limits.check(job)
    except ShoplaunchError as error:
        return error
    return None


def _is_over(state, job):
    """Tell whether the state's job is done or taken back and no newer one is there."""
    if state.get("status") not in FINAL:
        return False
    return job is None or (job["job"] == state.get("job") and job["attempt"] <= state.get("attempt", 0))


def _refuse(state, problem, named, log):
    """A job file that is not worked for: say so where the controller can look, and do nothing.

    `named` is the {"job", "attempt"} that a signature of the controller's vouches for, else None. What the state
    knows of an earlier attempt stays: the next one goes on from it.
    """
    log.info("%s: %s", problem.code, problem.message)
    if problem.code == "job_missing" and not state.get("job"):
        return exits.FAILED
    state.update(status="failed", error=problem.as_dict(), refused=named)
    return exits.FAILED


def _work(folder, raw, job, state, log, lock):
    log.hide(secrets_of(job))
    log.info("agent %s on Python %s, job %s attempt %d", VERSION, python_version(), job["job"], job["attempt"])
    guard = jobfile.Guard(folder, raw, job, jobfile.public_keys(), lock.file_id)
    # Where the lock does not hold back an agent of an older attempt, the newer one's notes are at stake
    state.only_while(guard.check)
    ctx = Context(job, folder, state, log, lock=lock, guard=guard)
    staging.recall(ctx)
    problem = _shortage(job)
    reading = None if ctx.has_given_up or problem is not None else helper.start(ctx)
    try:
        # Here, not above: to load it takes as long as to read a small shop
        from agent import work

        keep_modules()
        try:
            door = work.door_of(job)
        except ShoplaunchError as error:
            return _refuse(state, error, jobfile.named_by(job), log)
        return work.run(ctx, door, reading, problem)
    finally:
        if reading is not None:
            reading.end()
