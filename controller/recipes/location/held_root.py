"""Keeps a template's document root open: its path leads to the same folder even if another one takes its name."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path


class HeldRoot(type(Path())):  # type: ignore[misc]  # the system's own kind of Path
    """The path of an open folder; `roots` are the absolute paths it had when opened, the one without links first."""

    roots: Sequence[str] = ()


def held_root(descriptor: int, roots: Sequence[str]) -> HeldRoot:
    """Return the root that `descriptor` holds, valid while it is open, in this process and its forks."""
    held = HeldRoot(f"/proc/self/fd/{descriptor}")
    held.roots = tuple(roots)
    return held


def named(root: Path, text: str) -> str:
    """Return a text for people with the root's own name in place of the descriptor's path."""
    roots = getattr(root, "roots", ())
    return text.replace(os.fspath(root), roots[0]) if roots else text
