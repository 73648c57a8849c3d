"""A cancelled job taken back: the account is again as it was before the job came."""

import os

from agent import attempt, database, holding, ledger, moves
from shared.errors import ShoplaunchError
from shared.job import REPLACED_FOLDER


def run(ctx):
    """Put the document root back, remove our tables and the staging tree; safe to repeat.

    Only while the job file still names this job and attempt. Raises ShoplaunchError `superseded`, `db_*` (retryable
    ones: the next tick goes on), `path_refused`; OSError.
    """
    ctx.check_job_file()
    if ctx.state.get("job") != ctx.job_id:
        # Nothing was done for this job yet; what the state tells of belongs to another one
        ctx.log.info("cancelled before anything was done")
        ctx.state.update(job=ctx.job_id, attempt=ctx.attempt, kind=ctx.kind)
        return
    replaced = {os.path.dirname(target) for _, target in ctx.state.get("moves", [])}
    moves.undo(ctx.state)
    holding.restore(ctx)
    attempt.remove_tree(ctx.staging)
    _remove_empty(replaced, os.path.join(ctx.home, REPLACED_FOLDER))
    _drop_tables(ctx)
    ctx.log.info("cancelled: the account is as it was before")


def _remove_empty(folders, base):
    """Remove those of `folders` that lie in `base` and are empty now, and `base` itself when that leaves it empty."""
    for folder in sorted(folders) + [base]:
        inside = folder == base or folder.startswith(base + "/")
        if inside and os.path.isdir(folder) and not os.listdir(folder):
            os.rmdir(folder)


def _drop_tables(ctx):
    try:
        connection = database.connect(ctx.values)
        try:
            ledger.drop_everything(connection, ctx.job_id, ctx.attempt)
        finally:
            connection.close()
    except ShoplaunchError as error:
        if error.retryable:
            raise
        ctx.log.info("tables could not be dropped: %s", error.message)
