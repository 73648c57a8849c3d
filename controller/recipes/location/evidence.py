"""Finds where a copied tree stood before: its logs, settings and compiled pages name files that it still has."""

from __future__ import annotations

import contextlib
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from controller.recipes.location import paths
from controller.recipes.tree import template_files

_LOG_BYTES = 256 * 1024
_LOGS = 12
_LONGEST_TEXT = 1024 * 1024
#: Number of the tree's files that texts must name below the same folder.
_FILES_NAMED = 2
_MOST_ROOTS = 4
_PATH = rb"(?:[A-Za-z]:)?(?:\\{1,4}|\\?/)(?![\\/])"
_PATHS = (
    re.compile(rb"[\"'](" + _PATH + rb"[^\"'\r\n<>|*?]{4,400})[\"']"),
    re.compile(rb"(?: in |#[0-9]+ )(" + _PATH + rb"[^\"'\r\n<>|*?]{4,400}?)(?::[0-9]+| on line [0-9]+|\([0-9]+\))"),
    re.compile(rb"(?<![^\s=>(\[;,])(" + _PATH + rb"[^\s\"'<>|*?;,()\[\]=&#]{4,400})"),
)


def former_roots(root: Path, texts: Iterable[bytes], folder: str = "") -> list[str]:
    """Return the absolute paths below which `texts` name files of the tree at `root`, the most frequent first.

    `folder` is the path of the template's address: a root with this name would be an address itself.
    """
    named: defaultdict[str, set[str]] = defaultdict(set)
    for text in texts:
        for path in _paths_in(text[:_LONGEST_TEXT]):
            found = _split(root, path)
            if found is not None and found[0] != folder:
                named[found[0]].add(found[1])
    enough = [one for one, files in named.items() if len(files) >= _FILES_NAMED]
    return sorted(enough, key=lambda one: (-len(named[one]), one))[:_MOST_ROOTS]


def ends_of_logs(root: Path, patterns: Sequence[str]) -> Iterator[bytes]:
    """Yield the last part of each readable log below `root` that matches one of `patterns` (globs)."""
    for path in islice((one for pattern in patterns for one in sorted(root.glob(pattern))), _LOGS):
        with contextlib.suppress(OSError), template_files.opened(path) as stream:
            stream.seek(max(0, os.fstat(stream.fileno()).st_size - _LOG_BYTES))
            yield stream.read(_LOG_BYTES)


def _paths_in(text: bytes) -> Iterator[str]:
    if b"/" not in text and b"\\" not in text:
        return
    for pattern in _PATHS:
        for found in pattern.finditer(text):
            path = found.group(1).decode("utf-8", "replace").replace("\\/", "/")
            if "//" not in path:
                yield path


def _split(root: Path, path: str) -> tuple[str, str] | None:
    """Return (folder, file below it) for a path that ends with a file of the tree, None for any other path."""
    whole = paths.absolute(path)
    parts = whole.split("/") if whole else []
    # At least two parts: `index.php` is in many folders
    for at in range(2, len(parts) - 1):
        above, below = "/".join(parts[:at]), "/".join(parts[at:])
        if not paths.is_weak(above) and (root / below).is_file():
            return above, below
    return None
