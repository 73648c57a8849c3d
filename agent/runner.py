"""Runs the stages of a job in their order; the order is data, and each done-mark is written after the work."""

import time

from agent.compat import peak_memory_bytes
from agent.helper import Helper
from agent.small_job import is_back
from agent.stages import (
    configure,
    edit,
    import_,
    preflight,
    prove,
    report,
    small_configure,
    small_preflight,
    switch,
    unpack,
    verify,
)
from shared.job import RESTORE, SMALL_KINDS

#: kind of job -> groups of stages; of a group of two the first runs in a helper process beside the second.
#: Cleaning up follows when the final event is acknowledged (agent.entry): it ends even the marks.
ORDER = {
    RESTORE: (
        (verify,),
        (preflight,),
        (unpack, import_),
        (configure,),
        (prove,),
        (switch,),
        (report,),
    ),
    # Settings first: the shop sends visitors on by itself, redirects in files must never meet one that sends them back
    **dict.fromkeys(SMALL_KINDS, ((verify,), (small_preflight,), (small_configure,), (edit,), (report,))),
}
#: Of a small job that takes back what it did.
BACK = ((verify,), (small_preflight,), (edit,), (small_configure,), (report,))
#: Run at every start: they open what the others need.
ALWAYS = (verify,)


def run(ctx, helper=None):
    """Do every stage of the job that is not done yet, one beside another where there is a `helper` (agent.helper).

    Raises ShoplaunchError, OSError.
    """
    for group in _groups(ctx):
        waiting = _waiting(ctx, group)
        if len(waiting) < 2 or not run_side_by_side(ctx, helper, *waiting):
            for module in _waiting(ctx, group):
                run_stage(ctx, module)


def _groups(ctx):
    return BACK if is_back(ctx.job) else ORDER[ctx.kind]


def _waiting(ctx, group):
    return [module for module in group if module in ALWAYS or not ctx.state.stage_done(module.NAME)]


def start_helper(ctx):
    """Return a Helper for the stage that is to run beside another one, None when none is or there can be no helper.

    To be called before there is a second thread. It has nothing to do until that stage's turn comes.
    """
    for group in _groups(ctx):
        if len(group) == 2 and not ctx.state.stage_done("switch"):
            try:
                return Helper(ctx, group[0])
            except OSError as error:
                ctx.log.info("no second process: %s", error.strerror)
    return None


def run_stage(ctx, module):
    """Run one stage between its events; its done-mark comes after the work."""
    started = begin(ctx, module.NAME)
    try:
        ctx.check_current()
        module.run(ctx)
    except BaseException:
        fail(ctx, module.NAME, time.monotonic() - started)
        raise
    finish(ctx, module.NAME, time.monotonic() - started)


def run_side_by_side(ctx, helper, beside, here):
    """Run stage `beside` in `helper` (agent.helper) while `here` runs in this one; return whether both are done.

    False when there is no helper or it was killed: what is left is then done here, one after the other.
    """
    if helper is None or helper.name != beside.NAME:
        return False
    try:
        helper.work(ctx.flush_early)
    except OSError as error:
        ctx.log.info("no second process: %s", error.strerror)
        return False
    begin(ctx, beside.NAME)
    try:
        with ctx.also_checking(helper.check):
            run_stage(ctx, here)
            finished = helper.wait(ctx.check_current)
    except BaseException:
        fail(ctx, beside.NAME, helper.seconds())
        raise
    finally:
        helper.end()
    if not finished:
        ctx.log.info("the helper for stage %s is gone; going on without", beside.NAME)
        fail(ctx, beside.NAME, helper.seconds())
        return False
    finish(ctx, beside.NAME, helper.seconds())
    return True


def begin(ctx, name):
    """Note and report that stage `name` begins; return when (monotonic seconds)."""
    ctx.log.info("stage %s begins", name)
    number = _number(ctx, name)
    ctx.state.start_stage(name)
    if number:
        ctx.reporter.stage_started(name, number)
    return time.monotonic()


def finish(ctx, name, seconds):
    """Note and report that stage `name` is done after `seconds` in this run."""
    number = _number(ctx, name)
    total = ctx.state.end_stage(name, "done", seconds, _counters(ctx))
    ctx.log.info("stage %s done in %.2f s", name, total)
    if number:
        more = {"evidence": ctx.state.evidence()} if name == "prove" else {}
        ctx.reporter.stage_finished(name, number, total, **more)


def _number(ctx, name):
    """Return the number of the event that tells of stage `name`, on disk with what is noted next; 0 where none does."""
    return 0 if name == report.NAME else ctx.reporter.next_number()


def fail(ctx, name, seconds):
    """Note that stage `name` ended without being done. A full disk must not hide why."""
    try:
        ctx.state.end_stage(name, "failed", seconds, _counters(ctx))
    except OSError as error:
        ctx.log.info("the state cannot be written: %s", error.strerror)


def _counters(ctx):
    ctx.count("peak_rss_bytes", peak_memory_bytes())
    return ctx.take_counters()
