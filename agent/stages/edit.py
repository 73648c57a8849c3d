"""Stage edit: the small job's changes of files."""

from agent import edits, small_job

NAME = "edit"


def run(ctx):
    """Every edit is done; safe to repeat. Raises ShoplaunchError `edit_mismatch`, `path_refused`; OSError."""
    ctx.state.update(touched=True)
    edits.apply(ctx, small_job.edits(ctx.job, small_job.is_back(ctx.job)), ctx.check_current)
