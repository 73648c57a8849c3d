"""One start of the agent: job, lock and state in hand, then the stages, and what follows from how they end."""

from agent import VERSION, attempt, crontab, jobfile, ledger, modes, runner, staging, undo
from agent.ack import AckFile
from agent.bundle_reader import forget_fetched
from agent.callback import EXIT_SUPERSEDED, Reporter
from agent.compat import keep_modules, python_version
from agent.context import Context
from agent.failures import as_failure
from agent.http import Door, check_address
from agent.lock import acquire
from agent.log import Log, printable, secrets_of
from agent.outbox import Outbox
from agent.stages import cleanup
from agent.state import FINAL, State
from agent.statements import Watch
from shared.errors import ShoplaunchError

EXIT_DONE = 0
#: Failed for now; the next tick goes on.
EXIT_WAITING = 1
#: Failed for good; a new attempt is needed.
EXIT_FAILED = 3
EXIT_CANCELLED = 5
#: Another agent holds the lock.
EXIT_BUSY = 6
#: How long the final word of a failed attempt is waited for; the cron line stays until it was heard.
ANSWER_SECONDS = 20.0
DELIVER_SECONDS = 30.0


def run(folder):
    """Work for the job in `folder` (~/.shoplaunch) as far as it goes; return the exit code. Raises OSError."""
    raw, job, problem = _read_job(folder)
    modes.tighten(folder)
    try:
        lock = acquire(folder, job and job["job"], job["attempt"] if job else 0)
    except ShoplaunchError:
        return EXIT_BUSY
    if lock is None:
        return EXIT_BUSY
    log = Log(folder)
    state = State(folder)
    if state.set_aside:
        log.info("stale_state: the state was unreadable and is now %s", state.set_aside)
    if _is_over(state, job):
        return _clean_up(folder, state, job, log, lock)
    if problem is not None:
        return _refuse(state, problem, problem.details.get("named"), log)
    if state.get("job") == job["job"] and state.get("attempt", 0) > job["attempt"]:
        return EXIT_SUPERSEDED
    try:
        return _work(folder, raw, job, state, log, lock)
    except ShoplaunchError as error:
        if error.code != "superseded":
            raise
        return EXIT_SUPERSEDED


def _read_job(folder):
    """Return (raw, job, None), or (None, None, ShoplaunchError) when there is no usable job file."""
    try:
        raw, job = jobfile.load(folder, jobfile.public_keys())
    except ShoplaunchError as error:
        return None, None, error
    return raw, job, None


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
        return EXIT_FAILED
    state.update(status="failed", error=problem.as_dict(), refused=named)
    return EXIT_FAILED


def _work(folder, raw, job, state, log, lock):
    log.hide(secrets_of(job))
    log.info("agent %s on Python %s, job %s attempt %d", VERSION, python_version(), job["job"], job["attempt"])
    keys = jobfile.public_keys()
    guard = jobfile.Guard(folder, raw, job, keys, lock.file_id)
    # Where the lock does not hold back an agent of an older attempt, the newer one's notes are at stake
    state.only_while(guard.check)
    try:
        check_address(job["callback"]["url"])
        door = Door(job["callback"].get("ca"))
    except ShoplaunchError as error:
        return _refuse(state, error, jobfile.named_by(job), log)
    outbox = Outbox(folder, job["job"], job["attempt"], log)
    ack = AckFile(folder, job["job"], job["attempt"], keys)
    reporter = Reporter(job, state, outbox, door, log, lock, ack)
    ctx = Context(job, folder, state, log, reporter=reporter, lock=lock, guard=guard)
    staging.recall(ctx)
    watch = Watch(ctx.connect, lock.touch, log)
    # Asked before anything is sent: what leaves the outbox first need not be said again
    is_told = reporter.waits("started")
    given_up = state.get("given_up", {})
    has_ended = (given_up.get("job"), given_up.get("attempt")) == (ctx.job_id, ctx.attempt)
    keep_modules()
    helper = None if has_ended else runner.start_helper(ctx)
    helper = _with_room_for((reporter, watch), helper)
    try:
        # Failed for good: only the word about it may still be on its way
        return _give_up(ctx) if has_ended else _attempt(ctx, helper, is_told)
    finally:
        watch.stop()
        reporter.stop()


def _with_room_for(threads, helper):
    """Start `threads`; return `helper`, or None when the account may not start as much and it had to go for them."""
    for one in threads:
        try:
            one.start()
        except RuntimeError:
            if helper is None:
                raise
            helper.end()
            helper = None
            one.start()
    return helper


def _attempt(ctx, helper, is_told):
    try:
        _do_stages(ctx, helper, is_told)
    except Exception as error:  # noqa: BLE001 - every failure is reported by its code
        return _failed(ctx, as_failure(error))
    ctx.state.update(status="done", stage="cleanup", percent=100)
    return _finish(ctx, EXIT_DONE)


def _do_stages(ctx, helper, is_told):
    try:
        if not is_told:
            ctx.reporter.event("started")
        ctx.reporter.wait_answered(ANSWER_SECONDS)
        attempt.prepare(ctx)
        ctx.state.update(agent=VERSION, python=python_version())
        runner.run(ctx, helper)
    finally:
        ledger.let_go(ctx)
        # It holds the lock as well
        if helper is not None:
            helper.end()


def _failed(ctx, error):
    """What follows from `error`: leave, take back, wait for the next tick, or give up."""
    if error.code == "superseded":
        return EXIT_SUPERSEDED
    if error.code == "cancelled":
        return _cancel(ctx)
    if error.code == "db_locked" and not ctx.lock.reliable:
        return EXIT_BUSY
    message = printable(ctx.log.redact(error.message))[:4000]
    document = dict(error.as_dict(), message=message)
    ctx.log.info("%s: %s", error.code, message)
    try:
        ctx.state.update(status="waiting" if error.retryable else "failed", error=document)
        if not error.retryable:
            ctx.state.update(given_up={"job": ctx.job_id, "attempt": ctx.attempt, "code": error.code})
    except OSError as problem:
        ctx.log.info("the state cannot be written: %s", problem.strerror)
    if error.code == "callback_refused":
        return EXIT_FAILED
    if error.code in ("bundle_digest", "bundle_damaged"):
        # The next attempt is to fetch it anew, not to find the same bytes again
        forget_fetched(ctx.job, ctx.folder)
    if error.code != "callback_failed":
        # Of two stages side by side the one that failed need not be the one that began last
        where = {"stage": error.details["stage"]} if "stage" in error.details else {}
        ctx.reporter.event("failed", error=document, log=ctx.log.tail(), **where)
    if error.retryable:
        if error.code != "callback_failed":
            ctx.reporter.wait_delivered(ANSWER_SECONDS)
        return EXIT_WAITING
    return _give_up(ctx)


def _give_up(ctx):
    """Failed for good: once the controller knows, no tick is needed any more; everything else stays for `retry`."""
    known = ctx.reporter.wait_delivered(DELIVER_SECONDS)
    try:
        ctx.reporter.check()
        if known or ctx.state.get("given_up", {}).get("code") == "job_expired":
            ctx.check_job_file()
            crontab.remove_line(ctx.job_id, ctx.log)
    except ShoplaunchError as error:
        if error.code == "cancelled":
            return _cancel(ctx)
        ctx.log.info("%s: %s", error.code, error.message)
    return EXIT_FAILED


def _cancel(ctx):
    try:
        undo.run(ctx)
    except Exception as error:  # noqa: BLE001 - the next tick hears 410 again and goes on
        failure = as_failure(error)
        if failure.code == "superseded":
            return EXIT_SUPERSEDED
        ctx.log.info("taking back: %s: %s", failure.code, ctx.log.redact(failure.message))
        return EXIT_WAITING
    ctx.state.update(status="cancelled", error=None)
    return _finish(ctx, EXIT_CANCELLED)


def _finish(ctx, code):
    ctx.reporter.stop()
    ended = _clean_up(ctx.folder, ctx.state, ctx.job, ctx.log, ctx.lock)
    if ended != EXIT_DONE:
        return ended
    ctx.reporter.farewell("cleaned")
    return code


def _clean_up(folder, state, job, log, lock):
    """The last stage, for a job that is done or taken back; return the exit code."""
    if job is None:
        job = _spent_job(folder)
    try:
        cleanup.run(folder, state, job, log)
    except Exception as error:  # noqa: BLE001 - the next tick takes it up again
        failure = as_failure(error)
        log.info("cleanup: %s: %s", failure.code, failure.message)
        return EXIT_SUPERSEDED if failure.code == "superseded" else EXIT_WAITING
    lock.release()
    return EXIT_DONE


def _spent_job(folder):
    """Return the payload of the job file that cleaning up has put aside, None when it is gone or not ours."""
    try:
        return jobfile.load(folder, jobfile.public_keys(), jobfile.SPENT_FILE)[1]
    except ShoplaunchError:
        return None
