"""What stands in the document root: the panel's own entries, ours, and what occupies it."""

import os
import stat

from agent import holding
from agent.htaccess import split_blocks
from shared.encoding import sha256_file
from shared.errors import ShoplaunchError


def check(ctx):
    """Return the names (str, sorted) of entries that occupy the document root; [] when it is free.

    Raises ShoplaunchError `docroot_missing` when it is no real directory of this account; OSError.
    """
    try:
        found = os.lstat(ctx.root)
    except FileNotFoundError:
        raise ShoplaunchError("docroot_missing", "{} does not exist".format(ctx.root)) from None
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise ShoplaunchError("docroot_missing", "{} is not a directory of this account".format(ctx.root))
    return sorted(name for name in os.listdir(ctx.root) if not _is_free(ctx, name))


def default_pages(ctx):
    """Return the names of default index pages; they would be served before the shop and are put aside."""
    return sorted(name for name in os.listdir(ctx.root) if _is_default_page(ctx, name))


def kept(ctx):
    """Return the names that belong to the panel and stay, as a set."""
    return set(_rules(ctx).get("keep", ()))


def _is_free(ctx, name):
    if name in kept(ctx) or name == holding.PAGE or name in holding.HALF_WRITTEN.values():
        return True
    if name == holding.HTACCESS:
        former = holding.current_htaccess(ctx)
        blocks = _rules(ctx).get("htaccess_blocks", [])
        return former is None or not split_blocks(former, blocks)[1].strip()
    return _is_default_page(ctx, name)


def _is_default_page(ctx, name):
    path = os.path.join(ctx.root, name)
    known = _rules(ctx).get("default_pages", ())
    return bool(known) and stat.S_ISREG(os.lstat(path).st_mode) and sha256_file(path) in known


def _rules(ctx):
    return ctx.job.get("document_root", {})
