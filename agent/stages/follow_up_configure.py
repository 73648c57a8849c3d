"""Stage configure of a follow-up job: executes its statements in one fenced transaction, and checks them."""

from functools import partial

from agent.database import access, ledger
from agent.database.patience import of_stage
from agent.session import follow_up_job
from agent.stages import configure

MYPY = False
if MYPY:
    from typing import Callable

    from agent.session.context import Context

NAME = "configure"


def run(ctx: "Context") -> None:
    """Execute the job's statements once in this attempt. Raises ShoplaunchError `configure_failed`, `db_*`."""
    ctx.state.update(touched=True)
    of_stage(ctx).run(partial(attempt_once, ctx, follow_up_job.is_back(ctx.job), ctx.check_current))


def attempt_once(ctx: "Context", back: bool, check: "Callable[[], None]") -> None:
    """Execute the statements, or those that undo them when `back`, and check their results; safe to repeat.

    `check()` raises before the first when another attempt takes over.
    """
    statements = follow_up_job.statements(ctx.job, back)
    if not statements:
        return
    connection = ledger.open_for_shop(ctx)
    try:
        check()
        configure.apply_once(ctx, connection, follow_up_job.claim(ctx.job, back), statements)
        for statement in statements:
            configure.check_statement(ctx, connection, statement)
    finally:
        access.close(connection)
