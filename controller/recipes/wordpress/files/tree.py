"""Decides which of WordPress's files are left out of a bundle."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

from controller.recipes.base import PackOptions
from controller.recipes.php.definitions import definitions
from controller.recipes.secrets.parts import secrets_in
from controller.recipes.secrets.values import is_plain
from controller.recipes.tree import template_files, web_root
from controller.recipes.tree.web_root import WebRoot

_SAMPLE = "wp-config-sample.php"

#: Files that keep visitors out of a folder; they stay when a folder is emptied.
_GUARDS = (b"index.php", b"index.html", b".htaccess", b"web.config")
#: Folders that stay, but without their content.
_EMPTIED = (
    "wp-content/cache", "wp-content/upgrade", "wp-content/upgrade-temp-backup", "wp-content/uploads/wc-logs",
    "wp-content/uploads/cache", "wp-content/et-cache", "wp-content/litespeed",
)  # fmt: skip
_MAINTENANCE = re.compile(rb"\.maintenance")
_OLD_CONFIGURATION = re.compile(
    rb"wp-config(?!\.php\Z|-sample\.php\Z)[^/]*|(?:old|copy|bak)[-_. ]?wp-config[^/]*", re.DOTALL | re.IGNORECASE
)
#: Drop-ins for a cache server, which a new account does not have.
_CACHE_SERVER = re.compile(rb"wp-content/object-cache\.php")
_LOGS = re.compile(rb"wp-content/(?:wflogs|uploads/(?:wpforms/cache|simple-history)/.+)", re.DOTALL)
#: Folders in which plug-ins for backups and moves keep copies of the whole site.
_COPIES = re.compile(
    rb"wp-content/(?:updraft|ai1wm-backups|[^/]*backups?(?:[-_][^/]*)?|backups-dup-(?:lite|pro)|wpvivid[^/]*|wp-clone"
    rb"|uploads/(?:[^/]*backups?(?:[-_][^/]*)?|backwpup[^/]*|wp-clone|wp-migrate-db|wp-staging|ithemes-security|snapshots)"
    rb"|[^/]*\.(?:zip|tar|tar\.gz|tgz))|wp-snapshots"
)


#: Files from forms and orders, below the folders of the plug-ins that store them.
_CUSTOMERS = re.compile(
    rb"wp-content/uploads/(?:(?:wpcf7_uploads|cf7-submissions|product_addons_uploads|(?:wpo_wcpdf[^/]*"
    rb"|woocommerce-pdf-invoices)/attachments)/[^/]+|(?:gravity_forms|wpforms)/[0-9]+-[^/]+|(?:ninja-forms|formidable)/[0-9]+)"
)


class TreeRules:
    """The rules for which entries of one template's tree are packed; `in_use` are folders named in its database."""

    def __init__(self, root: Path, options: PackOptions, in_use: Iterable[str] = ()) -> None:
        self._root = root
        self._reason = _own if options.keep_customers else _own_without_customers
        self._web_root = WebRoot(root, options, {name.lower().encode() for name in in_use}, self._own)

    def left_out(self, path: bytes, is_directory: bool) -> str | None:
        """Return why an entry, and all below it, is left out; None for one that is packed."""
        return self._web_root.left_out(path, is_directory)

    def _own(self, path: bytes, is_directory: bool) -> str | None:
        if path == _SAMPLE.encode() and self._is_sample_filled:
            return web_root.OLD_CONFIGURATION
        return self._reason(path, is_directory)

    @cached_property
    def _is_sample_filled(self) -> bool:
        """Return whether somebody wrote credentials or keys into the sample of a configuration."""
        own = self._secrets("wp-config.php")
        # The sample's prompts for a password are words in any language
        return any(
            value in own or re.search(rb"[0-9]", value) or not is_plain(value) for value in self._secrets(_SAMPLE)
        )

    def _secrets(self, name: str) -> set[bytes]:
        try:
            source = template_files.read(self._root / name)
        except OSError:
            return set()
        texts = [(one.name, one.written) for one in definitions(source, name) if isinstance(one.written, bytes)]
        return {value for called, value in texts if secrets_in(called, value)}


def _own(path: bytes, is_directory: bool) -> str | None:
    """Return WordPress's own reasons."""
    parent, _, name = path.rpartition(b"/")
    if parent.decode("utf-8", "replace") in _EMPTIED and (is_directory or name not in _GUARDS):
        return web_root.CACHES
    return next((reason for pattern, reason in _REASONS if pattern.fullmatch(path)), None)


def _own_without_customers(path: bytes, is_directory: bool) -> str | None:
    if _CUSTOMERS.fullmatch(path) and path.rpartition(b"/")[2] not in _GUARDS:
        return web_root.CUSTOMERS
    return _own(path, is_directory)


_REASONS = (
    (_MAINTENANCE, "maintenance: a new site is open"),
    (_OLD_CONFIGURATION, web_root.OLD_CONFIGURATION),
    (_CACHE_SERVER, "drop-ins for a cache server that a new account does not have"),
    (_LOGS, web_root.LOGS),
    (_COPIES, web_root.DUMPS),
)
