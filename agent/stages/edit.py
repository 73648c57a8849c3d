"""Stage edit: a follow-up job's changes of files."""

from agent.session import follow_up_job
from agent.tree import edits

MYPY = False
if MYPY:
    from agent.session.context import Context

NAME = "edit"


def run(ctx: "Context") -> None:
    """Apply every edit; safe to repeat. Raises ShoplaunchError `edit_mismatch`, `path_refused`; OSError."""
    ctx.state.update(touched=True)
    edits.apply(ctx, follow_up_job.edits(ctx.job, follow_up_job.is_back(ctx.job)), ctx.check_current)
