"""Runs the stages of a job in their order; the order is data, and each done-mark is written after the work.

The end of a stage and the beginning of the next are one note on the disk, and are told once it is there.
"""

import time
from functools import partial

from agent.base.compat import peak_memory_bytes
from agent.base.failures import as_failure
from agent.session.follow_up_job import is_back
from agent.stages import (
    configure,
    edit,
    follow_up_configure,
    follow_up_preflight,
    import_,
    preflight,
    prove,
    report,
    switch,
    unpack,
    verify,
)
from shared.errors import ShoplaunchError
from shared.job import RESTORE, SMALL_KINDS

MYPY = False
if MYPY:
    from typing import Callable, Sequence

    from agent.run.helper import Helper
    from agent.run.stage import Stage
    from agent.session.context import Context

#: kind of job -> groups of stages; of a larger group the first runs in a helper process beside the others, the last of
#: which waits for it (Context.wait_for_tree).
#: Cleaning up follows when the final event is acknowledged (agent.run.session): it ends even the marks.
ORDER: "dict[str, tuple[tuple[Stage, ...], ...]]" = {
    RESTORE: (
        (verify,),
        (preflight,),
        (unpack, import_, configure, prove),
        (switch,),
        (report,),
    ),
    # Settings first: the shop sends visitors on by itself, redirects in files must never meet one that sends them back
    **dict.fromkeys(SMALL_KINDS, ((verify,), (follow_up_preflight,), (follow_up_configure,), (edit,), (report,))),
}
#: Of a small job that takes back what it did.
BACK: "tuple[tuple[Stage, ...], ...]" = ((verify,), (follow_up_preflight,), (edit,), (follow_up_configure,), (report,))
#: Run at every start: they open what the others need.
ALWAYS: "tuple[Stage, ...]" = (verify,)


def run(ctx: "Context", helper: "Helper | None" = None) -> None:
    """Do every stage of the job that is not done yet, one beside others where there is a `helper` (agent.run.helper).

    Raises ShoplaunchError, OSError.
    """
    for group in _groups(ctx):
        beside = group[0]
        if len(group) > 1 and helper is not None:
            if _is_waiting(ctx, beside) and _begin_beside(ctx, helper, beside):
                _run_beside(ctx, helper, beside, group[1:])
                continue
            # Nothing for it to do: an account may have few processes
            helper.end()
        _run_each(ctx, group)
    settle(ctx)


def _run_each(ctx: "Context", modules: "Sequence[Stage]") -> None:
    for module in modules:
        if _is_waiting(ctx, module):
            run_stage(ctx, module)


def _is_waiting(ctx: "Context", module: "Stage") -> bool:
    return module in ALWAYS or not ctx.state.stage_done(module.NAME)


def _groups(ctx: "Context") -> "tuple[tuple[Stage, ...], ...]":
    return BACK if is_back(ctx.job) else ORDER[ctx.kind]


def run_stage(ctx: "Context", module: "Stage") -> None:
    """Run one stage between its events; its done-mark comes after the work."""
    started = begin(ctx, module.NAME) - ctx.waited
    try:
        ctx.check_current()
        module.run(ctx)
    except BaseException:
        fail(ctx, module.NAME, time.monotonic() - started - ctx.waited)
        raise
    finish(ctx, module.NAME, time.monotonic() - started - ctx.waited)


def _begin_beside(ctx: "Context", helper: "Helper", beside: "Stage") -> bool:
    """Let `helper` begin with stage `beside`; return False where that cannot be."""
    if helper.name != beside.NAME:
        return False
    try:
        helper.work()
    except OSError as error:
        ctx.log.info("no second process: %s", error.strerror)
        return False
    begin(ctx, beside.NAME)
    return True


def _run_beside(ctx: "Context", helper: "Helper", beside: "Stage", modules: "Sequence[Stage]") -> None:
    """Run stages `modules` here while `helper` is at work on `beside`, and see that to its end."""
    is_seen: "list[bool]" = []

    def wait(work: "Callable[[], None]" = lambda: None) -> None:
        if not is_seen:
            is_seen.append(True)
            started, stage = time.monotonic(), ctx.state.get("stage")
            _see_to_its_end(ctx, helper, beside, work)
            ctx.state.note(stage=stage)
            # Whoever waits does not work
            ctx.waited += time.monotonic() - started

    def wait_within_a_stage(work: "Callable[[], None]") -> None:
        wait(work)
        settle(ctx)

    try:
        with ctx.also_checking(helper.check), ctx.tree_after(wait_within_a_stage):
            for module in modules:
                _run_each(ctx, [module])
                if helper.is_done():
                    wait()
            wait()
    except BaseException:
        if not is_seen:
            _note_beside_a_failure(ctx, helper, beside)
        raise
    finally:
        helper.end()


def _see_to_its_end(ctx: "Context", helper: "Helper", beside: "Stage", work: "Callable[[], None]") -> None:
    """Wait until `helper` is through with stage `beside`, calling `work()` while the last of it comes to the disk. Of
    one that was killed the rest is done here."""
    try:
        finished = helper.wait(ctx.check_current)
        if finished:
            work()
        # Of one that was killed, too: what is noted later must not be what is written anew meanwhile
        ctx.flushing.finish()
    except BaseException:
        fail(ctx, beside.NAME, helper.seconds())
        raise
    if finished:
        finish(ctx, beside.NAME, helper.seconds())
        return
    ctx.log.info("the helper for stage %s is gone; going on without", beside.NAME)
    fail(ctx, beside.NAME, helper.seconds())
    run_stage(ctx, beside)


def _note_beside_a_failure(ctx: "Context", helper: "Helper", beside: "Stage") -> None:
    """Another stage failed: what `helper` did of `beside` is kept. Why it failed must not be hidden by any of this."""
    if not helper.is_done():
        fail(ctx, beside.NAME, helper.seconds())
        return
    try:
        ctx.flushing.finish()
        finish(ctx, beside.NAME, helper.seconds())
        settle(ctx)
    except (OSError, ShoplaunchError) as error:
        ctx.log.info("stage %s is done, which cannot be noted: %s", beside.NAME, as_failure(error).message)


def begin(ctx: "Context", name: str) -> float:
    """Note and report that stage `name` begins; return when (monotonic seconds)."""
    ctx.log.info("stage %s begins", name)
    number = _number(ctx, name)
    ctx.state.start_stage(name)
    _tell(ctx)
    if number:
        ctx.reporter.stage_started(name, number)
    return time.monotonic()


def finish(ctx: "Context", name: str, seconds: float) -> None:
    """Note that stage `name` is done after `seconds` in this run; on the disk, and reported, with what comes next: a
    stage that begins or fails, or `settle`."""
    number = _number(ctx, name)
    total = ctx.state.end_stage(name, "done", seconds, _counters(ctx))
    ctx.log.info("stage %s done in %.2f s", name, total)
    if number:
        ctx.reporter.stage_ended(name)
        more = {"evidence": ctx.state.evidence()} if name == "prove" else {}
        ctx.untold.append(partial(ctx.reporter.stage_finished, name, number, total, **more))


def settle(ctx: "Context") -> None:
    """The ends of stages are on the disk, and reported."""
    if ctx.untold:
        ctx.state.settle()
        _tell(ctx)


def _tell(ctx: "Context") -> None:
    """Report the ends of stages that have reached the disk."""
    while ctx.untold:
        ctx.untold.pop(0)()


def _number(ctx: "Context", name: str) -> int:
    """Return the number of the event that tells of stage `name`, on disk with what is noted next; 0 where none does."""
    return 0 if name == report.NAME else ctx.reporter.next_number()


def fail(ctx: "Context", name: str, seconds: float) -> None:
    """Note that stage `name` ended without being done. A full disk must not hide why."""
    ctx.state.end_stage(name, "failed", seconds, _counters(ctx))
    try:
        ctx.state.settle()
        _tell(ctx)
    except OSError as error:
        ctx.log.info("the state cannot be written: %s", error.strerror)


def _counters(ctx: "Context") -> "dict[str, int]":
    ctx.count("peak_rss_bytes", peak_memory_bytes())
    return ctx.take_counters()
