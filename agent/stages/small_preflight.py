"""Stage preflight of a small job: its edits can be made, its database answers and belongs to this attempt."""

from agent import database, document_root, edits, ledger, small_job
from agent.importer import Patience
from shared.errors import ShoplaunchError

NAME = "preflight"


def run(ctx):
    """Look before anything of the shop is changed; older attempts can write no more afterwards.

    Raises ShoplaunchError `edit_mismatch`, `path_refused`, `docroot_missing`, `superseded`, `db_*`; OSError.
    """
    back = small_job.is_back(ctx.job)
    wanted = small_job.edits(ctx.job, back)
    if wanted:
        document_root.check(ctx)
        edits.check(ctx, wanted)
    if small_job.statements(ctx.job, back):
        patience = Patience(ctx.check_current, tell=ctx.tell_waiting)
        while True:
            try:
                database.close(ledger.open_for_shop(ctx))
                return
            except ShoplaunchError as error:
                patience.failure(error)
