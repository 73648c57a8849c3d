"""The skeleton of new accounts on a cPanel server: `cpanel3-skel` of root or of the reseller.

It is reached on this very machine, by SSH, or – a reseller's – through his own cPanel account: with a token of that
account, or with the WHM token, through which no bundle can be written.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from controller.agent_archive.ascii_armor import agent_digest
from controller.panels.base import SkeletonFiles, SkeletonStatus
from controller.panels.cpanel.account import agent_files
from controller.panels.cpanel.account.agent_files import FILE_MODE, Stamp, Store
from controller.panels.cpanel.server import CpanelServer
from controller.panels.cpanel.skeleton.local_store import LocalStore
from controller.panels.cpanel.skeleton.ssh_store import SshStore
from controller.settings.loading import home_folder
from shared.encoding import sha256_file, sha256_hex
from shared.errors import ShoplaunchError
from shared.job import AGENT_FILE, BUNDLE_FILE, FOLDER, LAUNCHER_FILE, STAMP_FILE

SKELETON = "cpanel3-skel"
PLACE = f"{SKELETON}/{FOLDER}"
ROOT_HOME = Path("/root")
#: Where this exists, the controller runs on a cPanel server itself.
CPANEL = Path("/usr/local/cpanel")
#: The operator's ssh_config for this installation, in SHOPLAUNCH_HOME; without it the user's own applies.
SSH_CONFIG = "ssh_config"
_AGENT_FILES = (LAUNCHER_FILE, AGENT_FILE, STAMP_FILE)
_TEXT_BYTES = 4 * 1024 * 1024


class Bulk(Protocol):
    """The operations of a way for whole files, in addition to a Store."""

    def put_from(self, path: str, source: Path, sha256: str, mode: int) -> None:
        """Make the file hold the content of the controller's file `source`."""

    def sha256(self, path: str) -> str | None:
        """Return the file's digest, None when there is none."""


class Skeleton:
    """The skeleton in `store`; a store without Bulk cannot hold a bundle.

    `name` says whose it is and how it is reached, `instead` what accounts are created from when there is none.
    """

    def __init__(self, store: Store, bulk: Bulk | None, name: str = "", instead: str = "") -> None:
        self._store = store
        self._bulk = bulk
        self.name = name
        self.instead = instead

    def is_there(self) -> bool:
        """Return whether there is one at all."""
        return self._store.entries(SKELETON) is not None

    def ensure(self, files: SkeletonFiles) -> SkeletonStatus:
        """Ensure that new accounts are created with exactly these files, which are read back. Raises bundle_missing,
        panel_refused for a bundle that cannot be written, file_error, ssh_failed, panel_*, path_refused."""
        if files.bundle_path is not None and self._bulk is None:
            message = (
                "a bundle gets into this skeleton only by SSH (set `ssh` for the server) or with a token of the "
                "reseller's own cPanel account (`server set NAME --cpanel-token-file FILE`); or let agents fetch it"
            )
            raise ShoplaunchError("panel_refused", message)
        wanted, found = _wanted(files), self.status()
        if (found.launcher_sha256, found.agent_sha256) != (wanted.launcher_sha256, wanted.agent_sha256):
            # The record of them cannot be trusted
            self._remove_others(lambda name: name != STAMP_FILE)
        agent_files.ensure(self._store, replace(files, bundle_path=None), PLACE)
        kept = (*_AGENT_FILES, BUNDLE_FILE) if files.bundle_path is not None else _AGENT_FILES
        self._remove_others(lambda name: name in kept)
        if files.bundle_path is not None and self._bulk is not None:
            self._place_bundle(self._bulk, files, wanted)
        found = self.status()
        if found != wanted:
            raise ShoplaunchError("file_error", f"the skeleton {PLACE} does not read back as it was written")
        return found

    def status(self) -> SkeletonStatus:
        """Return the files that new accounts are created with now, by their own content."""
        found = self._store.entries(PLACE) or {}
        launcher = self._read(LAUNCHER_FILE) if LAUNCHER_FILE in found else None
        agent = self._read(AGENT_FILE) if AGENT_FILE in found else None
        bundle = self._bundle_digest() if BUNDLE_FILE in found else None
        return SkeletonStatus(
            launcher_sha256=None if launcher is None else sha256_hex(launcher),
            agent_sha256=None if agent is None else agent_digest(agent) or sha256_hex(agent),
            bundle_sha256=bundle,
            bundle_bytes=int(found[BUNDLE_FILE].get("size", 0)) if bundle else 0,
        )

    def remove(self) -> None:
        """Remove Shoplaunch's files from the skeleton; its other content stays."""
        if self._store.entries(PLACE) is not None:
            self._store.remove(PLACE)
        if self._store.entries(SKELETON) == {}:
            # An empty skeleton of a reseller would hide root's from his accounts
            self._store.remove(SKELETON)

    def _read(self, name: str) -> bytes | None:
        return self._store.read(f"{PLACE}/{name}", _TEXT_BYTES)

    def _bundle_digest(self) -> str | None:
        if self._bulk is not None:
            return self._bulk.sha256(f"{PLACE}/{BUNDLE_FILE}")
        return agent_files.status(self._store, PLACE).bundle_sha256

    def _remove_others(self, is_kept: Callable[[str], bool]) -> None:
        for name in self._store.entries(PLACE) or {}:
            if not is_kept(name):
                self._store.remove(f"{PLACE}/{name}")

    def _place_bundle(self, bulk: Bulk, files: SkeletonFiles, wanted: SkeletonStatus) -> None:
        digest, path = wanted.bundle_sha256 or "", f"{PLACE}/{BUNDLE_FILE}"
        if bulk.sha256(path) != digest:
            bulk.put_from(path, Path(files.bundle_path or ""), digest, FILE_MODE)
        stamp = Stamp.of(files, (digest, wanted.bundle_bytes))
        self._store.put(f"{PLACE}/{STAMP_FILE}", stamp.text(), FILE_MODE)


def _wanted(files: SkeletonFiles) -> SkeletonStatus:
    path = Path(files.bundle_path) if files.bundle_path is not None else None
    if path is not None and not path.is_file():
        raise ShoplaunchError("bundle_missing", f"there is no bundle {path}")
    return SkeletonStatus(
        launcher_sha256=sha256_hex(files.launcher),
        agent_sha256=sha256_hex(files.agent),
        bundle_sha256=str(sha256_file(path)) if path is not None else None,
        bundle_bytes=path.stat().st_size if path is not None else 0,
    )


def ssh_settings() -> Path | None:
    """Return the installation's own ssh_config, None for the user's."""
    own = home_folder() / SSH_CONFIG
    return own if own.is_file() else None


def open_skeleton(panel: CpanelServer) -> Skeleton:
    """Return the skeleton that the server's settings (`skeleton`, `ssh`, `cpanel_token`) describe, for the login the
    panel works as.

    Raises config_invalid when it is switched off, cannot be reached by any way, or `ssh` is not its owner's login;
    account_missing for a reseller without an account of his own.
    """
    settings, user = panel.settings, panel.whm.user
    if settings.skeleton == "none":
        raise ShoplaunchError("config_invalid", "this server's setting skeleton is none: new accounts stay as they are")
    of_root = user == "root" or settings.skeleton == "root"
    whose, instead = ("root's", "") if of_root else (f"{user}'s", "; accounts are created from root's")
    if settings.ssh:
        store = SshStore(settings.ssh, ssh_settings())
        owner = "root" if of_root else user
        if store.login != owner:
            message = f"the skeleton is {whose}, and {settings.ssh} would write into another: set `ssh` to {owner}@HOST"
            more = "" if of_root else ", or the setting `skeleton` to root"
            raise ShoplaunchError("config_invalid", message + more)
        return Skeleton(store, store, f"{whose}, by SSH as {settings.ssh}", instead)
    if of_root:
        if os.geteuid() != 0 or not CPANEL.is_dir():
            raise ShoplaunchError("config_invalid", "root's skeleton is on another machine: set `ssh` to root@HOST")
        local = LocalStore(ROOT_HOME)
        return Skeleton(local, local, f"{whose}, on this machine")
    account_itself = panel.own_account()
    if account_itself is not None:
        files = account_itself.files()
        return Skeleton(files, files, f"{whose}, with a token of that account", instead)
    account = panel.find_account(user)
    if account is None:
        raise ShoplaunchError("account_missing", f"the reseller {user} has no cPanel account of that name")
    return Skeleton(panel.files(account), None, f"{whose}, through WHM", instead)
