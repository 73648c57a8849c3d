"""The folder of its domain that a shop may live below: its canonical form, and reserved names."""

from __future__ import annotations

import re

from shared.errors import ShoplaunchError

MAX_CHARS = 64
_FOLDER = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")
#: Served by web servers and panels from elsewhere, on every domain: files in folders of these names are not reachable.
#: docs.cpanel.net, "Service and proxy subdomains" and the ScriptAliases of its httpd.conf; those of Debian's Apache.
RESERVED = frozenset({
    "cgi-bin", "cgi-sys", "img-sys", "java-sys", "sys_cpanel", "mailman", "pipermail", "bandwidth", "cpanel", "whm",
    "webmail", "webdisk", "controlpanel", "kpanel", "securecontrolpanel", "securewhm", "securewebmail",
    "server-status", "server-info", "icons", "error_log", "phpmyadmin", "roundcube", "javascript",
})  # fmt: skip


def check_folder(folder: str) -> str:
    """Return the folder without slashes around it, "" for the root of the domain.

    Raises ShoplaunchError `folder_invalid`, `folder_reserved`.
    """
    found = folder.strip().strip("/")
    if not found:
        return ""
    names = found.split("/")
    for name in names:
        if name.lower() in RESERVED or name.lower().startswith((".well-known", ".shoplaunch")):
            raise ShoplaunchError("folder_reserved", f"{name[:40]} in {found[:80]!r} is not for shops")
    if len(found) > MAX_CHARS or not _FOLDER.fullmatch(found):
        raise ShoplaunchError("folder_invalid", f"not a folder for a shop: {folder[:80]!r}")
    return found
