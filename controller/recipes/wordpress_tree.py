"""WordPress's files: which stay out of a bundle."""

from __future__ import annotations

import re

from controller.recipes.surroundings import COPIES, LEFT_OUT_ANYWHERE, PANELS_OWN

#: What keeps visitors out of a folder; stays when a folder is emptied.
_GUARDS = (b"index.php", b"index.html", b".htaccess", b"web.config")
#: Folders that stay without what they hold.
_EMPTIED = (
    "wp-content/cache", "wp-content/upgrade", "wp-content/upgrade-temp-backup", "wp-content/uploads/wc-logs",
    "wp-content/uploads/cache", "wp-content/et-cache", "wp-content/litespeed",
)  # fmt: skip
_LEFT_OUT = re.compile(
    PANELS_OWN + rb"|" + COPIES + rb"|\.maintenance"
    # Old copies of the configuration, with old passwords
    rb"|wp-config(?!\.php$|-sample\.php$)[^/]*"
    # Copies of the site, logs, and what speaks to a cache server a new account does not have
    rb"|wp-content/(?:debug\.log|object-cache\.php|wflogs|updraft|ai1wm-backups|backup[^/]*|backups-dup-lite"
    rb"|uploads/backup[^/]*|uploads/wpforms/cache|[^/]*\.(?:sql|sql\.gz|zip|tar|tar\.gz|tgz|log))"
)


def excludes(path: bytes, is_directory: bool) -> bool:
    """Tell whether an entry, and all below it, stays out."""
    parent, _, name = path.rpartition(b"/")
    if name in LEFT_OUT_ANYWHERE or _LEFT_OUT.fullmatch(path):
        return True
    return parent.decode("utf-8", "replace") in _EMPTIED and (is_directory or name not in _GUARDS)
