"""Decides whether a path of the template is, in its context, its root or the beginning of another path."""

from __future__ import annotations

import re
from collections.abc import Callable

from controller.bundles.rewrite.contexts.boundaries import (
    LONGER_PATH,
    SLASH,
    UNPROVEN_PATH,
    is_joined_after,
    is_joined_before,
)
from controller.recipes.location import paths

#: Takes a path below the template's root; returns whether the entry exists.
Holds = Callable[[bytes], bool]
#: Text before the continuation of another path: a variable, a constant, a shell's home.
GOES_ON = re.compile(rb"(?:[.}\])~*]|[}\])]\"|[.+][ \t]*\\*[\"'])$")
_MAY_BEGIN = re.compile(rb"(?:^|[\s\"'`=:(,;>\[|@]|&quot;|%22|%27|\\[nrt]|file:" + SLASH + rb"{2})$", re.IGNORECASE)
#: `file:/` before the `/C:/` of `file://C:/`, where both slashes are the address's and none the path's.
_HALF_FILE_URL = re.compile(rb"file(?::|%(?:25)*3[Aa])" + SLASH + rb"$", re.IGNORECASE)
_FILE_URL = re.compile(rb"file(?::|%3[Aa])" + SLASH + rb"{2}$", re.IGNORECASE)
#: Contexts of an address, not of a path on disk.
ADDRESS = re.compile(
    rb"(?:\b(?:href|src|srcset|action|poster|content|location)(?:\\?[\"'])?[ \t]*[=:][ \t]*(?:\\?[\"'])?"
    rb"|\burl\(\\?[\"']?)$",
    re.IGNORECASE,
)
_BELOW = re.compile(SLASH + rb"([A-Za-z0-9._-]+)")
#: Number of parts after a short root that have to be in the tree.
_PROVED_PARTS = 2


def problem_of(before: bytes, after: bytes, path: bytes, holds: Holds) -> str:
    """Return why `path` between `before` and `after` is not the template's; "" when it is."""
    if is_joined_before(before, b"._-") or is_joined_after(after):
        return LONGER_PATH
    if path.startswith(b"/") and paths.is_windows(path) and _HALF_FILE_URL.search(before):
        return LONGER_PATH
    if not paths.is_weak(path.decode("utf-8", "replace")):
        return ""
    return "" if _is_proven(before, after, path, holds) else UNPROVEN_PATH


def _is_proven(before: bytes, after: bytes, path: bytes, holds: Holds) -> bool:
    """Return whether a short path is absolute here.

    The rest must exist in the tree, and must not exist below a folder of the path's own name: an application
    says `/app/config` of entries below its root, too.
    """
    if _FILE_URL.search(before):
        return True
    if GOES_ON.search(before) or ADDRESS.search(before) or not _MAY_BEGIN.search(before):
        return False
    below = _parts_of(after)
    if len(below) < _PROVED_PARTS or not holds(b"/".join(below)):
        return False
    own = path.strip(b"/").split(b"/")
    return not any(holds(b"/".join([*own[at:], below[0]])) for at in range(len(own)))


def _parts_of(after: bytes) -> list[bytes]:
    found: list[bytes] = []
    at = 0
    while len(found) < _PROVED_PARTS and (part := _BELOW.match(after, at)):
        if part.group(1).strip(b".") == b"":
            break
        found.append(part.group(1))
        at = part.end()
    return found
