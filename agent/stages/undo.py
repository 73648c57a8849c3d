"""Undoes a cancelled job: the account is again as it was before the job."""

import os

from agent.base import renames
from agent.base.plain_files import is_folder
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

#: Replaces the bundle's digest in the state: the state no longer describes work on a bundle.
TAKEN_BACK = "0" * 64


def run(ctx: "Context") -> None:
    """Restore the document root, remove our tables and the staging tree; safe to repeat.

    Runs only while the job file still names this job and attempt. Raises ShoplaunchError `superseded`, `db_*`
    (retryable ones: the next tick continues), `path_refused`; OSError.
    """
    ctx.check_job_file()
    _begin(ctx)
    if ctx.state.data.get("job") != ctx.job_id:
        # Nothing was done for this job yet; the state describes another one
        staging.remove_probe(ctx.domain_root, ctx.job_id)
        ctx.log.info("cancelled before anything was done")
        ctx.state.update(job=ctx.job_id, attempt=ctx.attempt, kind=ctx.kind)
        return
    if ctx.kind != RESTORE:
        _undo_follow_up(ctx)
        return
    # Before anything else: an attempt that takes over from here must start from zero
    ctx.state.update(stages={}, shards={}, manifest_sha256=TAKEN_BACK)
    renames.undo(ctx.state)
    holding_page.restore(ctx)
    staging.remove(ctx.staging)
    _remove_replaced(ctx)
    document_root.remove_made(ctx.state)
    _drop_tables(ctx)
    ctx.log.info("cancelled: the account is as it was before")


def _undo_follow_up(ctx: "Context") -> None:
    """Undo what a follow-up job changed, as far as its recipe says how. The shop's tables are never dropped."""
    if ctx.state.data.get("touched"):
        _unless_for_good(ctx, lambda: edits.apply(ctx, follow_up_job.edits(ctx.job, back=True), ctx.check_job_file))
        _unless_for_good(ctx, lambda: follow_up_configure.attempt_once(ctx, True, ctx.check_job_file))
    staging.remove(ctx.staging)
    ctx.log.info("cancelled: the shop is as it was before")


def _unless_for_good(ctx: "Context", work: "Callable[[], None]") -> None:
    """Do `work`; log a permanent error, so that the rest is done."""
    try:
        work()
    except ShoplaunchError as error:
        if error.retryable or error.code == "superseded":
            raise
        ctx.log.info("not taken back: %s: %s", error.code, error.message)


def _begin(ctx: "Context") -> None:
    """Assume that an unreadable state file was about this job, if about any."""
    if ctx.state.set_aside and ctx.state.data.get("job") is None:
        ctx.state.update(job=ctx.job_id, attempt=ctx.attempt, kind=ctx.kind)


def _remove_replaced(ctx: "Context") -> None:
    """Remove the job's folder of replaced entries when it only holds a copy of the restored `.htaccess`."""
    base = os.path.join(ctx.home, REPLACED_FOLDER)
    if not is_folder(base):
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
