"""Stage configure of a follow-up job: executes its statements in one fenced transaction, and checks them."""

from agent.database import access, ledger
from agent.database.importer import Patience
from agent.session import follow_up_job
from agent.stages import configure
from shared.errors import ShoplaunchError

MYPY = False
if MYPY:
    from typing import Callable

    from agent.session.context import Context

NAME = "configure"


def run(ctx: "Context") -> None:
    """Execute the job's statements once in this attempt. Raises ShoplaunchError `configure_failed`, `db_*`."""
    ctx.state.update(touched=True)
    patience = Patience(ctx.check_current, tell=ctx.tell_waiting)
    while True:
        try:
            attempt_once(ctx, follow_up_job.is_back(ctx.job), ctx.check_current)
            return
        except ShoplaunchError as error:
            patience.failure(error)


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
        if ledger.begin(connection, ctx.job_id, ctx.attempt, follow_up_job.claim(ctx.job, back), len(statements)):
            for statement in statements:
                configure.apply_statement(ctx, connection, statement)
            access.change(connection, b"COMMIT")
        for statement in statements:
            configure.check_statement(ctx, connection, statement)
    finally:
        access.close(connection)
