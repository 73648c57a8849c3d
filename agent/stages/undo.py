"""A cancelled job taken back: the account is again as it was before the job came."""

import os

from agent.base import renames
from agent.database import access, ledger
from agent.session import follow_up_job
from agent.stages import follow_up_configure
from agent.tree import document_root, edits, holding_page, staging
from shared.errors import ShoplaunchError
from shared.job import REPLACED_FOLDER, RESTORE

MYPY = False
if MYPY:
    from typing import Callable

    from agent.session.context import Context

#: In place of the bundle's digest: the state tells of no bundle's work any more.
TAKEN_BACK = "0" * 64


def run(ctx: "Context") -> None:
    """Put the document root back, remove our tables and the staging tree; safe to repeat.

    Only while the job file still names this job and attempt. Raises ShoplaunchError `superseded`, `db_*` (retryable
    ones: the next tick goes on), `path_refused`; OSError.
    """
    ctx.check_job_file()
    _begin(ctx)
    if ctx.state.get("job") != ctx.job_id:
        # Nothing was done for this job yet; what the state tells of belongs to another one
        staging.remove_probe(ctx.domain_root, ctx.job_id)
        ctx.log.info("cancelled before anything was done")
        ctx.state.update(job=ctx.job_id, attempt=ctx.attempt, kind=ctx.kind)
        return
    if ctx.kind != RESTORE:
        _take_back_small(ctx)
        return
    # First of all: should another attempt take over from here, it starts at zero
    ctx.state.update(stages={}, shards={}, manifest_sha256=TAKEN_BACK)
    renames.undo(ctx.state)
    holding_page.restore(ctx)
    staging.remove(ctx.staging)
    _remove_replaced(ctx)
    document_root.remove_made(ctx.state)
    _drop_tables(ctx)
    ctx.log.info("cancelled: the account is as it was before")


def _take_back_small(ctx: "Context") -> None:
    """What a small job changed is as it was, as far as its recipe tells how. The shop's tables are never dropped."""
    if ctx.state.get("touched"):
        _unless_for_good(ctx, lambda: edits.apply(ctx, follow_up_job.edits(ctx.job, back=True), ctx.check_job_file))
        _unless_for_good(ctx, lambda: follow_up_configure.attempt_once(ctx, True, ctx.check_job_file))
    staging.remove(ctx.staging)
    ctx.log.info("cancelled: the shop is as it was before")


def _unless_for_good(ctx: "Context", work: "Callable[[], None]") -> None:
    """Do `work`; what will never succeed is logged, so that the rest is done."""
    try:
        work()
    except ShoplaunchError as error:
        if error.retryable or error.code == "superseded":
            raise
        ctx.log.info("not taken back: %s: %s", error.code, error.message)


def _begin(ctx: "Context") -> None:
    """A state file that was unreadable told of this job or of none."""
    if ctx.state.set_aside and ctx.state.get("job") is None:
        ctx.state.update(job=ctx.job_id, attempt=ctx.attempt, kind=ctx.kind)


def _remove_replaced(ctx: "Context") -> None:
    """The job's folder of replaced entries is gone when all it still holds is a copy of what is back in place."""
    base = os.path.join(ctx.home, REPLACED_FOLDER)
    if not os.path.isdir(base):
        return
    for name in os.listdir(base):
        folder = os.path.join(base, name)
        if not name.endswith("-" + ctx.job_id) or os.path.islink(folder):
            continue
        copy = os.path.join(folder, holding_page.HTACCESS)
        kept = holding_page.read_plain(copy)
        if kept is not None and kept == holding_page.read_plain(os.path.join(ctx.root, holding_page.HTACCESS)):
            os.unlink(copy)
        if not os.listdir(folder):
            os.rmdir(folder)
    if not os.listdir(base):
        os.rmdir(base)


def _drop_tables(ctx: "Context") -> None:
    try:
        connection = access.connect(ctx.values)
        try:
            ledger.drop_everything(connection, ctx.job_id, ctx.attempt)
        finally:
            connection.close()
    except ShoplaunchError as error:
        if error.retryable or error.code == "superseded":
            raise
        ctx.log.info("tables could not be dropped: %s", error.message)
