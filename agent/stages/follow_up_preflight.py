"""Stage preflight of a follow-up job: its edits are possible, its database answers and belongs to this attempt."""

from functools import partial

from agent.database import access, ledger
from agent.database.patience import of_stage
from agent.session import follow_up_job
from agent.tree import document_root, edits

MYPY = False
if MYPY:
    from agent.session.context import Context

NAME = "preflight"


def run(ctx: "Context") -> None:
    """Check everything before the shop is changed; afterwards, older attempts cannot write any more.

    Raises ShoplaunchError `edit_mismatch`, `path_refused`, `docroot_missing`, `superseded`, `db_*`; OSError.
    """
    back = follow_up_job.is_back(ctx.job)
    wanted = follow_up_job.edits(ctx.job, back)
    if wanted:
        document_root.check(ctx)
        edits.check(ctx, wanted)
    if follow_up_job.statements(ctx.job, back):
        access.close(of_stage(ctx).run(partial(ledger.open_for_shop, ctx)))
