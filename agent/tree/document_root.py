"""The content of the shop's place: the panel's entries, ours, and what occupies it; and the folders above."""

import errno
import os
import stat

from agent.base.plain_files import is_there
from agent.base.state import sync_folder
from agent.tree import holding_page, starters
from agent.tree.htaccess import split_blocks
from shared.encoding import sha256_file
from shared.errors import ShoplaunchError

MYPY = False
if MYPY:
    from typing import Any

    from agent.base.state import State
    from agent.tree.work import Work
    from shared.documents import DocumentRoot

#: Mode of the folders created for a shop below its domain's root; panels use the same for further domains.
FOLDER_MODE = 0o755
#: No panel's default page is larger; large files, such as backups, are not read for the comparison.
MAX_PAGE_BYTES = 4 * 1024 * 1024
_NO_RULES: "Any" = {}


def check(ctx: "Work") -> "list[str]":
    """Return the names (str, sorted) of entries that occupy the shop's place; [] when it is free or does not exist.

    Raises ShoplaunchError `docroot_missing` when it, or the document root it lies in, is no real directory of this
    account; OSError.
    """
    places = [ctx.domain_root] + folders(ctx)
    for place in places:
        if not is_there(place) and place != ctx.domain_root:
            return []
        _require_own(place)
    return sorted(name for name in os.listdir(ctx.root) if not _is_free(ctx, name))


def folders(ctx: "Work") -> "list[str]":
    """Return the paths of the folders below the document root that lead to the shop, the outermost first."""
    names = ctx.shop_folder.split("/") if ctx.shop_folder else []
    return [os.path.join(ctx.domain_root, *names[: number + 1]) for number in range(len(names))]


def ensure(ctx: "Work") -> None:
    """Create the shop's folder; each new folder is noted first. Safe to repeat.

    Raises ShoplaunchError `docroot_missing`; OSError.
    """
    for place in folders(ctx):
        if is_there(place):
            continue
        known = ctx.state.data.get("made_folders", [])
        if place not in known:
            ctx.state.update(made_folders=known + [place])
        os.mkdir(place, FOLDER_MODE)
        # The umask of the starting process must not keep visitors out
        os.chmod(place, FOLDER_MODE)
        sync_folder(os.path.dirname(place))
    check(ctx)


def remove_made(state: "State") -> None:
    """Remove the folders that were created for the shop, if they are empty. Raises OSError."""
    for place in reversed(state.data.get("made_folders", [])):
        try:
            os.rmdir(place)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT, errno.ENOTDIR):
                raise
    if state.data.get("made_folders"):
        state.update(made_folders=[])


def _require_own(place: str) -> None:
    try:
        found = os.lstat(place)
    except FileNotFoundError:
        raise ShoplaunchError("docroot_missing", "{} does not exist".format(place)) from None
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise ShoplaunchError("docroot_missing", "{} is not a directory of this account".format(place))


def default_pages(ctx: "Work") -> "list[str]":
    """Return the names of default index pages; they would be served instead of the shop and are put aside."""
    return sorted(name for name in os.listdir(ctx.root) if _is_default_page(ctx, name))


def kept(ctx: "Work") -> "set[str]":
    """Return the names that belong to the panel and stay, as a set."""
    return set(_rules(ctx).get("keep", ()))


def _is_free(ctx: "Work", name: str) -> bool:
    if name in kept(ctx) or name == holding_page.PAGE or name in holding_page.HALF_WRITTEN.values():
        return True
    if name in starters.names(ctx.job) and starters.is_starter_file(os.path.join(ctx.root, name)):
        return True
    if name == holding_page.HTACCESS:
        former = holding_page.current_htaccess(ctx)
        blocks = _rules(ctx).get("htaccess_blocks", [])
        return former is None or not split_blocks(former, blocks)[1].strip()
    return _is_default_page(ctx, name)


def _is_default_page(ctx: "Work", name: str) -> bool:
    path = os.path.join(ctx.root, name)
    known = _rules(ctx).get("default_pages", ())
    if not known:
        return False
    found = os.lstat(path)
    return stat.S_ISREG(found.st_mode) and found.st_size <= MAX_PAGE_BYTES and sha256_file(path) in known


def _rules(ctx: "Work") -> "DocumentRoot":
    return ctx.job.get("document_root", _NO_RULES)
