"""Tries follow-up jobs at packing, while a mistake in the recipe cannot harm a client's shop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from controller.bundles.pack.plan import Plan
from controller.bundles.proof import scratch_load
from controller.bundles.source.servers.connections import Connection
from controller.bundles.source.tree.walk import Tree
from controller.follow_up_kinds import KINDS
from shared.errors import ShoplaunchError
from shared.placeholders import Renderer

if TYPE_CHECKING:
    from shared.documents import Edit, FollowUp

#: Kind -> {"statements", "edits", "back"}, as in the manifest.
Jobs = Mapping[str, "FollowUp"]


def try_statements(connection: Connection, jobs: Jobs, renderer: Renderer) -> None:
    """Run the statements of each of `jobs`, and those that take it back; the database stays as it was.

    Raises ShoplaunchError `recipe_invalid`.
    """
    for kind, job in jobs.items():
        _require_whole(kind, job)
        connection.query("BEGIN")
        try:
            scratch_load.carry_out(connection, job["statements"], renderer)
            scratch_load.carry_out(connection, job.get("back", ()), renderer)
        except ShoplaunchError as problem:
            if problem.code != "configure_failed":
                raise
            raise _wrong(kind, problem.message) from problem
        finally:
            connection.query("ROLLBACK")


def require_edits(jobs: Jobs, tree: Tree, plan: Plan) -> None:
    """Raise ShoplaunchError `recipe_invalid` unless the packed files hold the text each of `jobs` will replace."""
    for kind, job in jobs.items():
        for edit in job["edits"]:
            _require_edit(kind, edit, tree, plan)


def _require_whole(kind: str, job: FollowUp) -> None:
    if kind not in KINDS:
        raise _wrong(kind, f"there is no follow-up job of that name, but {', '.join(KINDS)}")
    if not job["statements"] and not job["edits"]:
        raise _wrong(kind, "it does nothing")
    if KINDS[kind].needs_back and job["statements"] and not job.get("back"):
        raise _wrong(kind, "it does not describe how it is rolled back")


def _require_edit(kind: str, edit: Edit, tree: Tree, plan: Plan) -> None:
    path, wanted = edit["path"], edit.get("count", 1)
    content = _packed(path.encode("utf-8"), tree, plan)
    if content is None:
        raise _wrong(kind, f"no file {path} is packed")
    found = content.count(edit["old"].encode("utf-8"))
    if not found or (wanted and found != wanted):
        message = f"what it replaces is {found} times in {path}, not {wanted or 'at least once'}: {edit['old']}"
        raise _wrong(kind, message[:500])


def _packed(path: bytes, tree: Tree, plan: Plan) -> bytes | None:
    """Return a file as a template, None when it does not exist; `path` is a template, too."""
    last = path.rpartition(b"/")[2]
    for entry in tree.entries(plan.left_out):
        if entry.kind == "file" and entry.path.rpartition(b"/")[2] == last and plan.path(entry.path) == path:
            return plan.file(entry.path, tree.read(entry))
    return plan.added().get(path)


def _wrong(kind: str, what: str) -> ShoplaunchError:
    return ShoplaunchError("recipe_invalid", f"job {kind}: {what}")
