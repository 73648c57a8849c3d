"""Stage switch: renames the finished tree into the document root, the entry points last."""

import os
import stat
import time

from agent.base import renames
from agent.base.compat import flush_file_system
from agent.base.failures import CODES
from agent.base.log import printable
from agent.base.plain_files import is_there
from agent.base.state import write_durably
from agent.tree import document_root, holding_page
from agent.tree.htaccess import join, split_blocks
from shared.errors import ShoplaunchError
from shared.job import REPLACED_FOLDER

MYPY = False
if MYPY:
    from typing import List

    from agent.base.state_fields import SwitchPlan
    from agent.session.context import Context

    Pairs = List[List[str]]

NAME = "switch"
#: The shop's final `.htaccess`, kept in staging until it replaces the 503 page's.
FINAL_HTACCESS = ".shoplaunch-htaccess"


def run(ctx: "Context") -> None:
    """Move the tree from staging into the document root; safe to repeat at any point.

    The plan is made once and journalled before the first rename. The document root itself is never replaced.
    Raises ShoplaunchError `docroot_occupied`, `switch_failed`; OSError.
    """
    plan = ctx.state.data.get("switch_plan")
    if plan is None or not ctx.state.data.get("moves"):
        plan = make_plan(ctx)
        ctx.state.update(switch_plan=plan)
    ctx.check_current()
    aside = [pair for pair in plan["aside"] if not is_there(pair[1])]
    for _, target in aside:
        os.makedirs(os.path.dirname(target), mode=0o700, exist_ok=True)
    renames.apply(ctx.state, aside)
    check_way(ctx, plan)
    try:
        renames.apply(ctx.state, plan["tree"])
        # After a power cut, the entry points must not lead to a shop of empty files
        flush_file_system(ctx.root)
        renames.apply(ctx.state, plan["entry_points"])
    except OSError as error:
        if error.errno in CODES:
            # These errors (full disk, quota, read-only file system) have codes and advice of their own
            raise
        raise ShoplaunchError("switch_failed", "{}: {}".format(error.strerror, error.filename)) from None
    # The rest of staging is removed by stage cleanup: undoing the renames needs it
    holding_page.remove_page(ctx.root)
    ctx.state.record("replaced", [printable(os.path.basename(target)) for _, target in plan["aside"]])


def check_way(ctx: "Context", plan: "SwitchPlan") -> None:
    """Raise ShoplaunchError `docroot_occupied` when the owner has put something in the shop's place.

    A rename would replace files of that name, and fails on folders.
    """
    pairs = plan["tree"] + plan["entry_points"][:-1]
    found = [target for source, target in pairs if is_there(source) and is_there(target)]
    source, target = plan["entry_points"][-1]
    if is_there(source) and holding_page.is_foreign(ctx):
        found.append(target)
    if found:
        names = ", ".join(os.path.relpath(path, ctx.root) for path in found[:5])
        raise ShoplaunchError("docroot_occupied", "meanwhile appeared: {}".format(names))


def make_plan(ctx: "Context") -> "SwitchPlan":
    """Return {"aside", "tree", "entry_points"}: lists of [source, target] in the order of the renames."""
    document_root.ensure(ctx)
    names = document_root.check(ctx)
    known = ctx.state.data.get("occupied", [])
    surprise = sorted(set(names) - set(known))
    if surprise:
        raise ShoplaunchError("docroot_occupied", "meanwhile appeared: {}".format(", ".join(surprise[:5])))
    folder = os.path.join(ctx.home, REPLACED_FOLDER, "{}-{}".format(time.strftime("%Y-%m-%d"), ctx.job_id))
    leaving = [name for name in names + document_root.default_pages(ctx) if name != holding_page.HTACCESS]
    aside = [[os.path.join(ctx.root, name), os.path.join(folder, name)] for name in leaving]
    former = holding_page.former_htaccess(ctx) if holding_page.HTACCESS in names else None
    if former is not None:
        # The former `.htaccess` is put aside from a copy: the 503 page's has already replaced it
        path = os.path.join(ctx.staging, FINAL_HTACCESS + "-former")
        write_durably(path, former, 0o644)
        aside.append([path, os.path.join(folder, holding_page.HTACCESS)])
    final = write_htaccess(ctx)
    last = [name for name in ctx.manifest["entry_points"] if name != holding_page.HTACCESS]
    tree: "Pairs" = []
    for name in sorted(os.listdir(ctx.staging)):
        if name not in last and name != holding_page.HTACCESS and not name.startswith(FINAL_HTACCESS):
            tree += _pairs(ctx, name, set(leaving))
    ends = [[os.path.join(ctx.staging, name), os.path.join(ctx.root, name)] for name in last]
    ends = [pair for pair in ends if is_there(pair[0])]
    return {
        "aside": aside,
        "tree": tree,
        "entry_points": ends + [[final, os.path.join(ctx.root, holding_page.HTACCESS)]],
    }


def _pairs(ctx: "Context", name: str, leaving: "set[str]") -> "Pairs":
    """Return the renames for the tree's entry `name` (a path below both roots); existing folders are merged.

    A file of the panel stays, and the bundle's file of the same name stays in staging.
    """
    source, target = os.path.join(ctx.staging, name), os.path.join(ctx.root, name)
    if name in leaving or not is_there(target):
        return [[source, target]]
    if not (_is_folder(source) and _is_folder(target)):
        ctx.log.info("the panel's own %s stays", name)
        return []
    pairs: "Pairs" = []
    for inner in sorted(os.listdir(source)):
        pairs += _pairs(ctx, os.path.join(name, inner), leaving)
    return pairs


def _is_folder(path: str) -> bool:
    return stat.S_ISDIR(os.lstat(path).st_mode)


def write_htaccess(ctx: "Context") -> str:
    """Write the final `.htaccess` into staging: the panel's blocks byte for byte, then the bundle's file without them.

    Return its path.
    """
    rules = ctx.job.get("document_root", {}).get("htaccess_blocks", [])
    blocks = split_blocks(holding_page.current_htaccess(ctx) or b"", rules)[0]
    shop = holding_page.read_plain(os.path.join(ctx.staging, holding_page.HTACCESS)) or b""
    path = os.path.join(ctx.staging, FINAL_HTACCESS)
    write_durably(path, join(blocks, split_blocks(shop, rules)[1]), 0o644)
    return path
