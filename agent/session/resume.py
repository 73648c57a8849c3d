"""Decides from the digests of the values used what a new attempt keeps of the work of an earlier one."""

from agent.base import renames
from agent.base.value_changes import RENDER, ZERO, decide
from agent.tree import document_root, holding_page, staging
from shared.job import RESTORE

MYPY = False
if MYPY:
    from agent.base.state_fields import Fields
    from agent.session.context import Context

#: Stages to repeat when the database values change; the ledger still knows which data chunks are imported.
RENDERED_STAGES = ("preflight", "unpack", "import", "configure", "prove", "switch", "report")
#: A new attempt of a follow-up job may go in the other direction, and its statements can be repeated.
FOLLOW_UP_STAGES = ("preflight", "configure", "edit", "report")


def prepare(ctx: "Context") -> None:
    """Bring state and files into a shape this attempt can continue from; runs before the first stage, safe to repeat.

    Raises OSError, ShoplaunchError `path_refused`.
    """
    state = ctx.state
    staging.choose(ctx)
    if state.data.get("job") != ctx.job_id:
        if ctx.kind == RESTORE:
            # A follow-up job works on a shop that stays
            _take_back(ctx)
        state.reset(**_fresh(ctx))
        return
    if ctx.kind != RESTORE:
        if state.data.get("attempt") != ctx.attempt or state.data.get("values_sha256") != ctx.values_sha256:
            state.forget_stages(FOLLOW_UP_STAGES)
        state.update(**_identity(ctx))
        return
    outcome = decide(state.data.get("values_sha256"), ctx.values_sha256)
    if state.data.get("manifest_sha256", _pinned(ctx)) != _pinned(ctx):
        outcome = ZERO
    if outcome == ZERO:
        ctx.log.info("other values than before: starting at zero")
        _take_back(ctx)
        state.reset(**_fresh(ctx))
    elif outcome == RENDER:
        ctx.log.info("another database: files with placeholders are written again")
        renames.undo(state)
        holding_page.restore(ctx)
        # Only the opened manifest says which shards hold placeholders
        state.forget_stages(RENDERED_STAGES)
        fields = _identity(ctx)
        fields["render_again"] = True
        state.update(**fields)
    else:
        if state.data.get("attempt") != ctx.attempt:
            # Reports of an earlier attempt do not count: its token is void
            state.forget_stages(["report"])
        state.update(**_identity(ctx))
    _distrust_tree(ctx)


def forget_rendered(ctx: "Context") -> None:
    """Unpack shards with placeholders again when `prepare` has found other database values."""
    if ctx.state.data.get("render_again"):
        # A variant's plain file may replace one with placeholders, which is written again
        again = [one["name"] for one in ctx.shards() if one["placeholders"] or one["kind"] == "variant_files"]
        ctx.state.forget_shards(again)
        ctx.state.update(render_again=False)


def _distrust_tree(ctx: "Context") -> None:
    """Have the new tree unpacked again where it may differ from the notes, unless it is switched already.

    Files are not synced one by one: a reboot may have lost them. And an agent that held a lock file that has
    disappeared may still be running, in the middle of a shard: its tree is left to it.
    """
    state = ctx.state
    if (ctx.lock.is_first or state.data.get("boot") != state.boot) and not state.stage_done("switch"):
        if state.data.get("moves"):
            # Half switched: of a tree unpacked again next to the moved part, neither could be moved
            renames.undo(state)
            holding_page.restore(ctx)
            state.forget_stages(["preflight"])
        # The proof of the files was about other files
        state.forget_stages(["unpack", "prove"], list(state.data.get("shards", {})) if ctx.lock.is_first else ())
        if ctx.lock.is_first:
            staging.abandon(ctx.staging, ctx.log)
    if state.data.get("boot") != state.boot:
        state.update(boot=state.boot)


def _take_back(ctx: "Context") -> None:
    """Undo what an earlier job, or one with other values, left: renames, the 503 page, the staging tree."""
    renames.undo(ctx.state)
    holding_page.restore(ctx)
    for path in {ctx.state.data.get("staging", ctx.staging), ctx.staging}:
        staging.remove(path)
    document_root.remove_made(ctx.state)
    staging.remove_probe(ctx.domain_root, ctx.job_id)


def _pinned(ctx: "Context") -> "str | None":
    return ctx.job.get("bundle", {}).get("manifest_sha256")


def _identity(ctx: "Context") -> "Fields":
    return {
        "job": ctx.job_id,
        "kind": ctx.kind,
        "attempt": ctx.attempt,
        "status": "running",
        "error": None,
        "root": ctx.root,
        "staging": ctx.staging,
        "values_sha256": ctx.values_sha256,
        "manifest_sha256": _pinned(ctx),
    }


def _fresh(ctx: "Context") -> "Fields":
    fields = _identity(ctx)
    fields["boot"] = ctx.state.boot
    fields["callback"] = ctx.state.data.get("callback", {})
    return fields
