"""Runs the stages of a job in order; the order is data, and each done-mark is written after the work.

The end of a stage and the beginning of the next are written to disk together, and then reported.
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
from shared.job import RESTORE

MYPY = False
if MYPY:
    from typing import Callable, Sequence

    from agent.run.helper import Helper
    from agent.run.stage import Stage
    from agent.session.context import Context

#: Groups of stages; in a larger group the first runs in a helper process in parallel with the others; the last of them
#: waits for it (Context.wait_for_tree).
#: Cleaning up follows when the final event is acknowledged (agent.run.session): it removes the done-marks, too.
ORDER: "tuple[tuple[Stage, ...], ...]" = (
    (verify,),
    (preflight,),
    (unpack, import_, configure, prove),
    (switch,),
    (report,),
)
#: For a follow-up job of whichever kind.
#: Settings first: the shop then redirects by itself, and redirects in files never meet one that leads back.
FORTH: "tuple[tuple[Stage, ...], ...]" = ((verify,), (follow_up_preflight,), (follow_up_configure,), (edit,), (report,))
#: For a follow-up job that undoes what it did.
BACK: "tuple[tuple[Stage, ...], ...]" = ((verify,), (follow_up_preflight,), (edit,), (follow_up_configure,), (report,))
#: Run at every start: the other stages need what these open.
ALWAYS: "tuple[Stage, ...]" = (verify,)


def run(ctx: "Context", helper: "Helper | None" = None) -> None:
    """Run every stage that is not done yet, one in parallel with others given a `helper` (agent.run.helper).

    Raises ShoplaunchError, OSError.
    """
    for group in _groups(ctx):
        parallel = group[0]
        if len(group) > 1 and helper is not None:
            if _is_waiting(ctx, parallel) and _begin_parallel(ctx, helper, parallel):
                _run_parallel(ctx, helper, parallel, group[1:])
                continue
            # Not needed: an account may have few processes
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
    if is_back(ctx.job):
        return BACK
    return ORDER if ctx.kind == RESTORE else FORTH


def run_stage(ctx: "Context", module: "Stage") -> None:
    """Run one stage between its events; its done-mark is written after the work."""
    started = begin(ctx, module.NAME) - ctx.waited
    try:
        ctx.check_current()
        module.run(ctx)
    except BaseException:
        fail(ctx, module.NAME, time.monotonic() - started - ctx.waited)
        raise
    finish(ctx, module.NAME, time.monotonic() - started - ctx.waited)


def _begin_parallel(ctx: "Context", helper: "Helper", parallel: "Stage") -> bool:
    """Let `helper` begin with stage `parallel`; return False where it cannot."""
    if helper.name != parallel.NAME:
        return False
    try:
        helper.work()
    except OSError as error:
        ctx.log.info("no second process: %s", error.strerror)
        return False
    begin(ctx, parallel.NAME)
    return True


def _run_parallel(ctx: "Context", helper: "Helper", parallel: "Stage", modules: "Sequence[Stage]") -> None:
    """Run stages `modules` here while `helper` works on `parallel`, and wait for both to end."""
    is_seen: "list[bool]" = []

    def wait(work: "Callable[[], None]" = lambda: None) -> None:
        if not is_seen:
            is_seen.append(True)
            started, stage = time.monotonic(), ctx.state.data.get("stage")
            _see_to_its_end(ctx, helper, parallel, work)
            ctx.state.note(stage=stage)
            # Waiting does not count as work
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
            _note_parallel_after_failure(ctx, helper, parallel)
        raise
    finally:
        helper.end()


def _see_to_its_end(ctx: "Context", helper: "Helper", parallel: "Stage", work: "Callable[[], None]") -> None:
    """Wait until `helper` has finished stage `parallel`, calling `work()` while its last files are flushed to disk. If
    it was killed, do the rest here."""
    try:
        finished = helper.wait(ctx.check_current)
        if finished:
            work()
        # For a killed helper as well: a shard must not be noted later, while it is being rewritten
        ctx.flushing.finish()
    except BaseException:
        fail(ctx, parallel.NAME, helper.seconds())
        raise
    if finished:
        finish(ctx, parallel.NAME, helper.seconds())
        return
    ctx.log.info("the helper for stage %s is gone; continuing without it", parallel.NAME)
    fail(ctx, parallel.NAME, helper.seconds())
    run_stage(ctx, parallel)


def _note_parallel_after_failure(ctx: "Context", helper: "Helper", parallel: "Stage") -> None:
    """Note what `helper` has done of `parallel` after another stage failed; errors here must not hide that failure."""
    if not helper.is_done():
        fail(ctx, parallel.NAME, helper.seconds())
        return
    try:
        ctx.flushing.finish()
        finish(ctx, parallel.NAME, helper.seconds())
        settle(ctx)
    except (OSError, ShoplaunchError) as error:
        ctx.log.info("stage %s is done, which cannot be noted: %s", parallel.NAME, as_failure(error).message)


def begin(ctx: "Context", name: str) -> float:
    """Note and report that stage `name` begins; return the time (monotonic seconds)."""
    ctx.log.info("stage %s begins", name)
    number = _number(ctx, name)
    ctx.state.start_stage(name)
    _report(ctx)
    if number:
        ctx.events.stage_started(name, number)
    return time.monotonic()


def finish(ctx: "Context", name: str, seconds: float) -> None:
    """Note that stage `name` is done after `seconds` in this run; it is written and reported with the next note: a
    stage that begins or fails, or `settle`."""
    number = _number(ctx, name)
    total = ctx.state.end_stage(name, "done", seconds, _counters(ctx))
    ctx.log.info("stage %s done in %.2f s", name, total)
    if number:
        ctx.events.stage_ended(name)
        more = {"evidence": ctx.state.evidence()} if name == "prove" else {}
        ctx.unsent.append(partial(ctx.events.stage_finished, name, number, total, **more))


def settle(ctx: "Context") -> None:
    """Write the ends of stages to disk, and report them."""
    if ctx.unsent:
        ctx.state.settle()
        _report(ctx)


def _report(ctx: "Context") -> None:
    """Report the ends of stages that have been written to disk."""
    while ctx.unsent:
        ctx.unsent.pop(0)()


def _number(ctx: "Context", name: str) -> int:
    """Return the number of the next event of stage `name`, written with the next note; 0 where it has no event."""
    return 0 if name == report.NAME else ctx.events.next_number()


def fail(ctx: "Context", name: str, seconds: float) -> None:
    """Note that stage `name` ended without being done. A full disk must not hide the reason."""
    ctx.state.end_stage(name, "failed", seconds, _counters(ctx))
    try:
        ctx.state.settle()
        _report(ctx)
    except OSError as error:
        ctx.log.info("the state cannot be written: %s", error.strerror)


def _counters(ctx: "Context") -> "dict[str, int]":
    ctx.count("peak_rss_bytes", peak_memory_bytes())
    return ctx.take_counters()
