"""What a new attempt may keep of what an earlier one did, decided from the digests of the values used."""

from agent.base import renames
from agent.base.value_changes import RENDER, ZERO, decide
from agent.tree import document_root, holding_page, staging
from shared.job import RESTORE

MYPY = False
if MYPY:
    from typing import Any

    from agent.session.context import Context

#: Stages whose work other database values make void; the ledger still knows which data chunks are there.
RENDERED_STAGES = ("preflight", "unpack", "import", "configure", "prove", "switch", "report")
#: A new attempt of a small job may go the other way, and its statements are repeatable.
SMALL_STAGES = ("preflight", "configure", "edit", "report")


def prepare(ctx: "Context") -> None:
    """Bring state and files into the shape this attempt can go on from; before the first stage, safe to repeat.

    Raises OSError, ShoplaunchError `path_refused`.
    """
    state = ctx.state
    staging.choose(ctx)
    if state.get("job") != ctx.job_id:
        if ctx.kind == RESTORE:
            # A small job works on a shop that stays
            _take_back(ctx)
        state.reset(**_fresh(ctx))
        return
    if ctx.kind != RESTORE:
        if state.get("attempt") != ctx.attempt or state.get("values_sha256") != ctx.values_sha256:
            state.forget_stages(SMALL_STAGES)
        state.update(**_identity(ctx))
        return
    outcome = decide(state.get("values_sha256"), ctx.values_sha256)
    if state.get("manifest_sha256", _pinned(ctx)) != _pinned(ctx):
        outcome = ZERO
    if outcome == ZERO:
        ctx.log.info("other values than before: starting at zero")
        _take_back(ctx)
        state.reset(**_fresh(ctx))
    elif outcome == RENDER:
        ctx.log.info("another database: files with placeholders are written again")
        renames.undo(state)
        holding_page.restore(ctx)
        # Which shards hold placeholders is known once the manifest is open
        state.forget_stages(RENDERED_STAGES)
        state.update(render_again=True, **_identity(ctx))
    else:
        if state.get("attempt") != ctx.attempt:
            # What an earlier attempt reported counts for nothing: its token is void
            state.forget_stages(["report"])
        state.update(**_identity(ctx))
    _distrust_tree(ctx)


def forget_rendered(ctx: "Context") -> None:
    """Shards with placeholders are to be unpacked again when `prepare` found other database values."""
    if ctx.state.get("render_again"):
        # A variant's plain files may stand where one with placeholders is written again
        again = [one["name"] for one in ctx.shards() if one["placeholders"] or one["kind"] == "variant_files"]
        ctx.state.forget_shards(again)
        ctx.state.update(render_again=False)


def _distrust_tree(ctx: "Context") -> None:
    """What was unpacked is unpacked anew where it may not be what the notes say, until it was switched.

    Files are not synced one by one: a reboot may have lost them. And an agent that held a lock file which is gone may
    still be there, in the middle of a shard: it is left with a tree of its own.
    """
    state = ctx.state
    if (ctx.lock.is_first or state.get("boot") != state.boot) and not state.stage_done("switch"):
        if state.get("moves"):
            # Half switched: unpacked anew beside what was moved, neither could be moved any more
            renames.undo(state)
            holding_page.restore(ctx)
            state.forget_stages(["preflight"])
        # What was proved of the files was proved of others
        state.forget_stages(["unpack", "prove"], list(state.get("shards", {})) if ctx.lock.is_first else ())
        if ctx.lock.is_first:
            staging.abandon(ctx.staging, ctx.log)
    if state.get("boot") != state.boot:
        state.update(boot=state.boot)


def _take_back(ctx: "Context") -> None:
    """Undo what an earlier job or other values left: moves, the 503 page, the staging tree."""
    renames.undo(ctx.state)
    holding_page.restore(ctx)
    for path in {ctx.state.get("staging", ctx.staging), ctx.staging}:
        staging.remove(path)
    document_root.remove_made(ctx.state)
    staging.remove_probe(ctx.domain_root, ctx.job_id)


def _pinned(ctx: "Context") -> "str | None":
    return ctx.job.get("bundle", {}).get("manifest_sha256")


def _identity(ctx: "Context") -> "dict[str, Any]":
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


def _fresh(ctx: "Context") -> "dict[str, Any]":
    return dict(_identity(ctx), boot=ctx.state.boot, callback=ctx.state.get("callback", {}))
