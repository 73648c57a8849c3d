"""`~/.shoplaunch` of an account: fill, verify and remove it, always as the account itself."""

from __future__ import annotations

from controller.panels.base import SkeletonFiles
from controller.panels.local.as_account.run import AsAccount
from controller.panels.local.skeleton import FILE_MODE, FOLDER_MODE, LAUNCHER_MODE
from shared.encoding import sha256_file
from shared.job import AGENT_FILE, BUNDLE_FILE, FOLDER, LAUNCHER_FILE

OTHER_FOLDER_MODE = 0o755


def folder_mode(path: str) -> int:
    """Return the mode of folders created on the way to `path`: Shoplaunch's own are closed to everybody else."""
    return FOLDER_MODE if path.split("/")[0] == FOLDER else OTHER_FOLDER_MODE


def ensure(hands: AsAccount, files: SkeletonFiles) -> None:
    """Ensure that the folder holds launcher and agent, and the bundle when there is one.

    The launcher is written last: until it exists, the cron line does nothing.
    """
    hands.folders([(FOLDER, FOLDER_MODE, None)])
    if files.bundle_path is not None:
        digest = str(sha256_file(files.bundle_path))
        hands.put_from(f"{FOLDER}/{BUNDLE_FILE}", files.bundle_path, digest, FILE_MODE, FOLDER_MODE)
    hands.put(f"{FOLDER}/{AGENT_FILE}", files.agent, FILE_MODE, FOLDER_MODE)
    hands.put(f"{FOLDER}/{LAUNCHER_FILE}", files.launcher, LAUNCHER_MODE, FOLDER_MODE)


def remove(hands: AsAccount) -> None:
    """Remove the folder completely."""
    hands.remove(FOLDER)
