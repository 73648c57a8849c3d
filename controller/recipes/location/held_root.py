"""A template's document root by the folder that was opened: a path that leads there whatever takes its name later."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path


class HeldRoot(type(Path())):  # type: ignore[misc]  # the system's own kind of Path
    """The path of an open folder; `roots` are the absolute paths it had when it was opened, without links first."""

    roots: Sequence[str] = ()


def held_root(descriptor: int, roots: Sequence[str]) -> HeldRoot:
    """Return the root that `descriptor` holds, for as long as it is open and in this process and its copies."""
    held = HeldRoot(f"/proc/self/fd/{descriptor}")
    held.roots = tuple(roots)
    return held


def named(root: Path, text: str) -> str:
    """Return a text for people with the root's own name where the way to it stands."""
    roots = getattr(root, "roots", ())
    return text.replace(os.fspath(root), roots[0]) if roots else text
