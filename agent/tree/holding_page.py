"""The 503 page visitors get meanwhile: placing it, taking it away, putting the former `.htaccess` back.

Stage preflight places it as its last act, once the document root is known to be free. Stage switch replaces the
`.htaccess` by the shop's and then calls `remove_page`. Undoing calls `restore`.
"""

import os
import re
import stat

from agent.base.plain_files import open_plain
from agent.base.state import sync_folder, write_durably
from agent.tree.htaccess import join, split_blocks
from shared.errors import ShoplaunchError

MYPY = False
if MYPY:
    from agent.tree.work import Work
    from shared.documents import HtaccessBlock

#: The largest `.htaccess` there is, with room to spare.
MAX_BYTES = 8 * 1024 * 1024
PAGE = ".shoplaunch-holding.html"
HTACCESS = ".htaccess"
#: What they are called while they are written; killed in between, we leave them behind.
HALF_WRITTEN = {PAGE: PAGE + ".tmp", HTACCESS: ".shoplaunch-htaccess.tmp"}
#: In ~/.shoplaunch: the `.htaccess` as it was (its mode, a line end, its bytes), or empty when there was none.
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
    """Visitors of the document root get the job's holding page with status 503; safe to repeat.

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
    """Return the page's `.htaccess` (bytes) for a shop below `folder` of its domain ("" for its root)."""
    base = "/{}/".format(folder).replace("//", "/").encode("ascii")
    return RULES % {b"page": base + PAGE.encode("ascii"), b"pattern": re.escape(base)}


def remove_page(root: str) -> None:
    """The page is gone from `root`; call it after the shop's own `.htaccess` is in place. Raises OSError."""
    for name in (PAGE, *HALF_WRITTEN.values()):
        _remove(os.path.join(root, name))


def restore(ctx: "Work") -> None:
    """The document root's `.htaccess` is as it was before `place`, and the page is gone; safe to repeat.

    An earlier job may have had another root: the state tells of it. A `.htaccess` that is neither ours nor absent
    belongs to somebody else by now and stays. Raises OSError.
    """
    before = os.path.join(ctx.folder, BEFORE)
    root = ctx.state.get("root", ctx.root)
    if os.path.isdir(root):
        _restore(root, before)
        sync_folder(root)
    _remove(before)


def _restore(root: str, before: str) -> None:
    path = os.path.join(root, HTACCESS)
    try:
        present = read_plain(path)
    except ShoplaunchError:
        # A link, a pipe, what no web server reads: ours it is not
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
    """Return the `.htaccess` as it was before `place` (bytes), None when there was none. Raises OSError."""
    before = _remembered(os.path.join(ctx.folder, BEFORE))
    if before is None:
        return read_plain(os.path.join(ctx.root, HTACCESS))
    mode, _, content = before.partition(b"\n")
    return content if mode else None


def current_htaccess(ctx: "Work") -> "bytes | None":
    """Return the `.htaccess` as it is but for our page: the present one (bytes) when somebody else wrote it, otherwise
    the former one with what the panel put into ours; None when there is none. Raises ShoplaunchError `path_refused`;
    OSError."""
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
    """Tell whether somebody else put a `.htaccess` in the place of ours. Raises as `read_plain` does."""
    present = read_plain(os.path.join(ctx.root, HTACCESS))
    return os.path.exists(os.path.join(ctx.folder, BEFORE)) and present is not None and MARK not in present


def read_plain(path: str, most: int = MAX_BYTES) -> "bytes | None":
    """Return the content of the plain file `path` (bytes), None when it is absent.

    Raises ShoplaunchError `path_refused` for links and everything else that is not a plain file, and for one larger
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
    # The mode is there, too
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
