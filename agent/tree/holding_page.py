"""The holding page with status 503 for visitors: places and removes it, and restores the former `.htaccess`.

Stage preflight places it in the end, once the document root is known to be free. Stage switch replaces the
`.htaccess` by the shop's and then calls `remove_page`. Undoing a job calls `restore`.
"""

import os
import re
import stat

from agent.base.plain_files import is_folder, is_there, open_plain
from agent.base.state import sync_folder, write_durably
from agent.tree.htaccess import join, split_blocks
from shared.errors import ShoplaunchError

MYPY = False
if MYPY:
    from agent.tree.work import Work
    from shared.documents import HtaccessBlock

#: Larger than any `.htaccess`.
MAX_BYTES = 8 * 1024 * 1024
PAGE = ".shoplaunch-holding.html"
HTACCESS = ".htaccess"
#: Their names while they are written; a killed process leaves them behind.
HALF_WRITTEN = {PAGE: PAGE + ".tmp", HTACCESS: ".shoplaunch-htaccess.tmp"}
#: In ~/.shoplaunch: the former `.htaccess` (its mode, a line end, its content), or empty when there was none.
BEFORE = "htaccess.before"
MARK = b"# Shoplaunch: the shop is being prepared\n"
RULES = (
    MARK
    + b"""\
ErrorDocument 503 %(page)b
<IfModule mod_headers.c>
Header always set Retry-After "120"
Header always set Cache-Control "no-store"
</IfModule>
<IfModule mod_rewrite.c>
RewriteEngine On
RewriteRule ^\\.well-known(/|$) - [L]
RewriteCond %%{ENV:REDIRECT_STATUS} !=503
RewriteRule ^ - [R=503,L]
</IfModule>
<IfModule !mod_rewrite.c>
RedirectMatch 503 ^%(pattern)b(?!\\.well-known(/|$)|\\.shoplaunch-holding\\.html$)
</IfModule>
"""
)


def place(ctx: "Work") -> None:
    """Show visitors of the document root the job's holding page with status 503; safe to repeat.

    The panel's blocks of a present `.htaccess` stay in force. Does nothing when the job has no page.
    Raises ShoplaunchError `path_refused` when `.htaccess` is not a plain file; OSError.
    """
    page = ctx.job.get("holding_page")
    if page is None:
        return
    path = os.path.join(ctx.root, HTACCESS)
    present = read_plain(path)
    if present is not None and MARK in present:
        return
    _write(ctx.root, PAGE, page.encode("utf-8"), 0o644)
    remembered = b""
    if present is not None:
        remembered = "{:o}\n".format(stat.S_IMODE(os.lstat(path).st_mode)).encode("ascii") + present
    write_durably(os.path.join(ctx.folder, BEFORE), remembered)
    blocks = split_blocks(present or b"", _rules(ctx))[0]
    _write(ctx.root, HTACCESS, join(blocks, rules(ctx.shop_folder)), 0o644)


def rules(folder: str = "") -> bytes:
    """Return the page's `.htaccess` (bytes) for a shop below `folder` of its domain ("" for the domain's root)."""
    base = "/{}/".format(folder).replace("//", "/").encode("ascii")
    return RULES % {b"page": base + PAGE.encode("ascii"), b"pattern": re.escape(base)}


def remove_page(root: str) -> None:
    """Remove the page from `root`; call it after the shop's own `.htaccess` is in place. Raises OSError."""
    for name in (PAGE, *HALF_WRITTEN.values()):
        _remove(os.path.join(root, name))


def restore(ctx: "Work") -> None:
    """Restore the document root's `.htaccess` to its content before `place`, and remove the page; safe to repeat.

    The root comes from the state: an earlier job may have had another one. A `.htaccess` that somebody else has
    written since stays. Raises OSError.
    """
    before = os.path.join(ctx.folder, BEFORE)
    root = ctx.state.data.get("root", ctx.root)
    if is_folder(root):
        _restore(root, before)
        sync_folder(root)
    _remove(before)


def _restore(root: str, before: str) -> None:
    path = os.path.join(root, HTACCESS)
    try:
        present = read_plain(path)
    except ShoplaunchError:
        # A link or a pipe, which no web server reads: it is not ours
        return remove_page(root)
    remembered = _remembered(before)
    if remembered is not None and (present is None or MARK in present):
        mode, _, content = remembered.partition(b"\n")
        if mode:
            _write(root, HTACCESS, content, int(mode, 8))
        else:
            _remove(path)
    return remove_page(root)


def former_htaccess(ctx: "Work") -> "bytes | None":
    """Return the `.htaccess` before `place` (bytes), None when there was none. Raises OSError."""
    before = _remembered(os.path.join(ctx.folder, BEFORE))
    if before is None:
        return read_plain(os.path.join(ctx.root, HTACCESS))
    mode, _, content = before.partition(b"\n")
    return content if mode else None


def current_htaccess(ctx: "Work") -> "bytes | None":
    """Return the `.htaccess` without our page: the present one (bytes) when somebody else wrote it, otherwise the
    former one with the blocks the panel has added to ours; None when there is none. Raises ShoplaunchError
    `path_refused`; OSError."""
    present = read_plain(os.path.join(ctx.root, HTACCESS))
    former = former_htaccess(ctx)
    if present is None:
        return former
    if MARK not in present:
        return present
    added = split_blocks(present, _rules(ctx))[0]
    rest = split_blocks(former or b"", _rules(ctx))[1]
    return join(added, rest) or former


def is_foreign(ctx: "Work") -> bool:
    """Return whether somebody else has replaced our `.htaccess`. Raises like `read_plain`."""
    present = read_plain(os.path.join(ctx.root, HTACCESS))
    return is_there(os.path.join(ctx.folder, BEFORE)) and present is not None and MARK not in present


def read_plain(path: str, most: int = MAX_BYTES) -> "bytes | None":
    """Return the content of the plain file `path` (bytes), None when it is absent.

    Raises ShoplaunchError `path_refused` for links and everything else that is not a plain file, and for a larger file
    than any `.htaccess`; OSError.
    """
    try:
        descriptor = open_plain(path, os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    if descriptor is None:
        raise ShoplaunchError("path_refused", "{} is not a plain file".format(path))
    with os.fdopen(descriptor, "rb") as stream:
        data = stream.read(most + 1)
    if len(data) > most:
        raise ShoplaunchError("path_refused", "{} is larger than {} bytes".format(path, most))
    return data


def _remembered(path: str) -> "bytes | None":
    # The file holds the mode as well
    return read_plain(path, MAX_BYTES + 16)


def _rules(ctx: "Work") -> "list[HtaccessBlock]":
    return ctx.job.get("document_root", {}).get("htaccess_blocks", [])


def _write(root: str, name: str, data: bytes, mode: int) -> None:
    write_durably(os.path.join(root, name), data, mode, os.path.join(root, HALF_WRITTEN[name]))


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
