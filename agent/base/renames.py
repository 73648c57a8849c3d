"""Renames within the account, journalled in the state before they happen, so that they can be finished or undone."""

import os

from agent.base.plain_files import is_there
from agent.base.state import sync_folder

MYPY = False
if MYPY:
    from typing import Sequence

    from agent.base.state import State


def apply(state: "State", pairs: "Sequence[Sequence[str]]") -> None:
    """Perform the renames `pairs`, a list of (source, target) absolute paths (str), in order; safe to repeat.

    All pairs are journalled durably first. A pair without its source counts as done. An existing target file or link
    is replaced; an existing target folder must be empty. Both paths lie on one file system. Raises OSError.
    """
    journal = [list(pair) for pair in state.data.get("moves", [])]
    fresh = [list(pair) for pair in pairs if list(pair) not in journal]
    if fresh:
        state.update(moves=journal + fresh)
    folders: "set[str]" = set()
    for source, target in pairs:
        if is_there(source):
            os.rename(source, target)
            folders.update((os.path.dirname(source), os.path.dirname(target)))
    for folder in sorted(folders):
        sync_folder(folder)


def undo(state: "State") -> None:
    """Revert every journalled rename, newest first, and forget the journal; safe to repeat. Raises OSError.

    A rename is reverted only where its target exists and its source does not: newer entries stay. Folders of the
    sources are created again.
    """
    for source, target in reversed(state.data.get("moves", [])):
        if is_there(target) and not is_there(source):
            os.makedirs(os.path.dirname(source), mode=0o700, exist_ok=True)
            os.rename(target, source)
    if state.data.get("moves"):
        state.update(moves=[])
