"""Stage configure: writes the shop's settings by parametrised statements in one fenced transaction, and checks them."""

from functools import partial

from agent.database import ledger
from agent.database.access import change, raw
from agent.database.patience import of_stage
from shared.bundle import members_of
from shared.errors import ShoplaunchError

MYPY = False
if MYPY:
    from typing import Sequence

    from agent.database.connection import OurConnection
    from agent.database.work import Chunk
    from agent.session.context import Context
    from shared.documents import Member, Statement

NAME = "configure"


def run(ctx: "Context") -> None:
    """Execute the bundle's statements once and check their results. Raises ShoplaunchError."""
    members = members_of(ctx.manifest, "configure")
    if not members:
        return
    # The variant's statements come last, in the same transaction: either all take effect or none
    own: "list[Statement]" = ctx.read_json("configure", [])
    statements = own + ctx.variant_statements()
    of_stage(ctx).run(partial(attempt_once, ctx, members[0], statements))


def attempt_once(ctx: "Context", member: "Member", statements: "Sequence[Statement]") -> None:
    """Execute the statements in one transaction, then run every check.

    This holds the lock and enters this attempt in the ledger: a new attempt that finds the import done writes here
    first.
    """
    with ledger.locked(ctx) as connection:
        ctx.check_current()
        apply_once(ctx, connection, member, statements)
        for statement in statements:
            check_statement(ctx, connection, statement)


def apply_once(ctx: "Context", connection: "OurConnection", member: "Chunk", statements: "Sequence[Statement]") -> None:
    """Execute `statements` in the transaction of chunk `member`, unless the ledger has it already."""
    with ledger.chunk(ctx, connection, member, len(statements)) as is_new:
        if is_new:
            for statement in statements:
                apply_statement(ctx, connection, statement)


def apply_statement(ctx: "Context", connection: "OurConnection", statement: "Statement") -> None:
    """Run one statement; the number of rows must lie within its limits. Raises ShoplaunchError `configure_failed`."""
    rows, _ = change(connection, statement["sql"], _filled(ctx, statement["params"]))
    if rows < statement.get("min_rows", 0) or rows > statement.get("max_rows", rows):
        raise ShoplaunchError("configure_failed", "{} rows: {}".format(rows, statement["sql"][:200]))


def check_statement(ctx: "Context", connection: "OurConnection", statement: "Statement") -> None:
    """Check that the statement's result reads back. Raises ShoplaunchError `configure_failed`."""
    check = statement.get("check")
    if check is None:
        return
    rows = raw(connection, check["sql"], _filled(ctx, check["params"]))
    found = [None if value is None else value.decode("utf-8", "replace") for value in rows[0]] if rows else None
    wanted = [None if value is None else fill(ctx, value) for value in check["expect"]]
    if found != wanted:
        raise ShoplaunchError("configure_failed", "does not read back: {}".format(check["sql"][:200]))


def fill(ctx: "Context", template: str) -> str:
    """Return `template` (str) with its placeholders filled."""
    return ctx.renderer.render(template.encode("utf-8")).decode("utf-8")


def _filled(ctx: "Context", params: "Sequence[str]") -> "tuple[str, ...] | None":
    # Without parameters, a % in the statement is literal
    return tuple(fill(ctx, param) for param in params) or None
