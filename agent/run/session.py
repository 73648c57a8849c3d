"""Runs the stages of one attempt, and handles their outcome."""

import os

from agent import VERSION
from agent.base import exit_codes
from agent.base.compat import python_version
from agent.base.failures import ACCOUNT_LIMITS, as_failure
from agent.base.log import printable
from agent.bundle.reader import forget_fetched, own_bundle_path
from agent.database import ledger
from agent.database.statement_watch import Watch
from agent.reporting.acknowledgement import AckFile
from agent.reporting.delivery import Delivery
from agent.reporting.event_log import EventLog
from agent.reporting.http import HttpClient, check_address
from agent.reporting.outbox import Outbox
from agent.run import runner
from agent.session import crontab, job_file, resume
from agent.stages import cleanup, undo
from agent.tree import starters
from shared.errors import ShoplaunchError
from shared.events import START_WAYS
from shared.job import START_VARIABLE

MYPY = False
if MYPY:
    from typing import Iterable

    from agent.base.log import Log
    from agent.base.state import State
    from agent.run.helper import Helper
    from agent.session.context import Context
    from agent.session.lock import Lock
    from shared.documents import Job

#: How long to wait for the acknowledgement of a failed attempt's final event; the cron line stays until then.
ANSWER_SECONDS = 20.0
DELIVER_SECONDS = 30.0


def client_of(job: "Job") -> "HttpClient":
    """Return the http.HttpClient to the controller of `job`. Raises ShoplaunchError for a forbidden address."""
    check_address(job["callback"]["url"])
    return HttpClient(job["callback"].get("ca"), job["callback"])


def run(
    ctx: "Context", client: "HttpClient", helper: "Helper | None", shortage: "ShoplaunchError | None" = None
) -> int:
    """Work for the job as far as it goes, with `helper` (agent.run.helper.Helper or None); return the exit code.

    With `shortage` (ShoplaunchError), only report that: the agent that cron starts does the work.

    Raises ShoplaunchError `superseded`, `account_limits`; OSError.
    """
    outbox = Outbox(ctx.folder, ctx.job_id, ctx.attempt, ctx.log)
    ack = AckFile(ctx.folder, ctx.job_id, ctx.attempt, job_file.public_keys())
    ctx.events = EventLog(ctx.job, ctx.state, outbox, ctx.log, ctx.lock)
    ctx.delivery = Delivery(ctx.job, ctx.events, client, ctx.log, ack)
    watch = Watch(ctx.connect, ctx.lock.touch, ctx.log)
    # Checked before anything is sent: an event in the outbox need not be reported again
    is_queued = ctx.events.waits("started")
    helper = _with_room_for((ctx.delivery, watch), helper)
    try:
        # Failed permanently: only the report may still be on its way
        if ctx.has_given_up:
            return _give_up(ctx)
        if shortage is not None:
            return exit_codes.LIMITED if _failed(ctx, shortage) == exit_codes.WAITING else exit_codes.FAILED
        return _attempt(ctx, helper, is_queued)
    finally:
        watch.stop()
        ctx.delivery.stop()


def _with_room_for(threads: "Iterable[Delivery | Watch]", helper: "Helper | None") -> "Helper | None":
    """Start `threads`; return `helper`, or None when it had to end because the account may not start as many."""
    for one in threads:
        try:
            _start(one)
        except ShoplaunchError:
            if helper is None:
                raise
            helper.end()
            helper = None
            _start(one)
    return helper


def _start(one: "Delivery | Watch") -> None:
    try:
        one.start()
    except RuntimeError:
        raise ShoplaunchError(ACCOUNT_LIMITS, "the account may start no further process or thread") from None


def _attempt(ctx: "Context", helper: "Helper | None", is_queued: bool) -> int:
    try:
        _do_stages(ctx, helper, is_queued)
    except Exception as error:  # noqa: BLE001 - every failure is reported by its code
        return _failed(ctx, as_failure(error))
    ctx.state.update(status="done", stage="cleanup", percent=100)
    return _finish(ctx, exit_codes.DONE)


def _do_stages(ctx: "Context", helper: "Helper | None", is_queued: bool) -> None:
    try:
        if not is_queued:
            ctx.events.event("started", None, **_started_by())
        ctx.delivery.wait_answered(ANSWER_SECONDS)
        resume.prepare(ctx)
        # Whether or not a starter started this process, it is no longer needed
        starters.remove(ctx.job, ctx.log)
        ctx.state.note(agent=VERSION, python=python_version())
        runner.run(ctx, helper)
    finally:
        ledger.release(ctx)
        # It holds the lock as well
        if helper is not None:
            helper.end()


def _started_by() -> "dict[str, str]":
    """Return {"start": way} where this agent was started directly and not by cron (shared.events.START_WAYS)."""
    way = os.environ.get(START_VARIABLE)
    return {"start": way} if way in START_WAYS else {}


def _failed(ctx: "Context", error: "ShoplaunchError") -> int:
    """Handle `error`: leave, undo, wait for the next tick, or give up."""
    if error.code == "superseded":
        return exit_codes.SUPERSEDED
    if error.code == "cancelled":
        return _cancel(ctx)
    if error.code == "db_locked" and not ctx.lock.reliable:
        return exit_codes.BUSY
    error = _of_damaged_bundle(ctx, error)
    message = printable(ctx.log.redact(error.message))[:4000]
    document = error.as_dict()
    document["message"] = message
    ctx.log.info("%s: %s", error.code, message)
    # One that nobody requested would stay until the next attempt
    starters.remove(ctx.job, ctx.log)
    try:
        ctx.state.update(status="waiting" if error.retryable else "failed", error=document)
        if not error.retryable:
            ctx.state.update(given_up={"job": ctx.job_id, "attempt": ctx.attempt, "code": error.code})
        # Stages whose end could not be written before are reported now
        runner.settle(ctx)
    except OSError as problem:
        ctx.log.info("the state cannot be written: %s", problem.strerror)
    if error.code == "callback_refused":
        return exit_codes.FAILED
    if error.code != "callback_failed":
        # Of two parallel stages the one that failed need not be the one that began last
        where = {"stage": error.details["stage"]} if "stage" in error.details else {}
        ctx.events.event("failed", error=document, log=ctx.log.tail(), **where)
    if error.retryable:
        if error.code != "callback_failed":
            ctx.delivery.wait_delivered(ANSWER_SECONDS)
        return exit_codes.WAITING
    return _give_up(ctx)


def _of_damaged_bundle(ctx: "Context", error: "ShoplaunchError") -> "ShoplaunchError":
    """Remove a fetched bundle that proved damaged, so that it is fetched anew; return `error`, retryable the first time
    in an attempt: the next tick does so."""
    # Another file may name anything; what an opened bundle holds is as it was packed
    is_damaged = error.code in ("bundle_digest", "bundle_damaged") or (error.code == "unsafe_path" and not ctx.bundle)
    if not is_damaged or "url" not in ctx.job.get("bundle", {}):
        return error
    is_fetched = ctx.bundle is None or ctx.bundle.path == own_bundle_path(ctx.folder)
    try:
        # Noted behind it: a kill between the two takes nobody's second try
        forget_fetched(ctx.job, ctx.folder)
        if not is_fetched or ctx.state.data.get("fetched_anew") == ctx.attempt:
            return error
        ctx.state.update(fetched_anew=ctx.attempt)
    except OSError as problem:
        ctx.log.info("the damaged bundle cannot be fetched anew: %s", problem.strerror)
        return error
    message = "{}; it is fetched anew".format(error.message)
    return ShoplaunchError(error.code, message, retryable=True, **error.details)


def _give_up(ctx: "Context") -> int:
    """Fail permanently: once the controller knows, the cron line is removed; everything else stays for `retry`."""
    known = ctx.delivery.wait_delivered(DELIVER_SECONDS)
    try:
        ctx.delivery.check()
        given_up = ctx.state.data.get("given_up")
        if known or (given_up is not None and given_up.get("code") == "job_expired"):
            ctx.check_job_file()
            crontab.remove_line(ctx.job_id, ctx.log)
    except ShoplaunchError as error:
        if error.code == "cancelled":
            return _cancel(ctx)
        ctx.log.info("%s: %s", error.code, error.message)
    return exit_codes.FAILED


def _cancel(ctx: "Context") -> int:
    try:
        undo.run(ctx)
    except Exception as error:  # noqa: BLE001 - the next tick gets 410 again and continues
        failure = as_failure(error)
        if failure.code == "superseded":
            return exit_codes.SUPERSEDED
        ctx.log.info("taking back: %s: %s", failure.code, ctx.log.redact(failure.message))
        return exit_codes.WAITING
    ctx.state.update(status="cancelled", error=None)
    return _finish(ctx, exit_codes.CANCELLED)


def _finish(ctx: "Context", code: int) -> int:
    ctx.delivery.stop()
    ended = clean_up(ctx.folder, ctx.state, ctx.job, ctx.log, ctx.lock)
    if ended != exit_codes.DONE:
        return ended
    ctx.delivery.farewell("cleaned")
    return code


def clean_up(folder: str, state: "State", job: "Job | None", log: "Log", lock: "Lock") -> int:
    """Run the last stage, for a job that is done or undone; return the exit code."""
    if job is None:
        job = _spent_job(folder)
    try:
        cleanup.run(folder, state, job, log)
    except Exception as error:  # noqa: BLE001 - the next tick tries again
        failure = as_failure(error)
        log.info("cleanup: %s: %s", failure.code, failure.message)
        return exit_codes.SUPERSEDED if failure.code == "superseded" else exit_codes.WAITING
    lock.release()
    return exit_codes.DONE


def _spent_job(folder: str) -> "Job | None":
    """Return the payload of the job file that cleaning up has renamed, None when it is gone or not ours."""
    try:
        return job_file.load(folder, job_file.public_keys(), job_file.SPENT_FILE)[1]
    except ShoplaunchError:
        return None
