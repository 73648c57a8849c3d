"""Matches an operator's path patterns: `*` within a name, `**` over folders, a plain name at every depth."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

_PART = re.compile(rb"\*\*/|\*\*|\*|\?|\[[^\]]+\]|.", re.DOTALL)
_MEANINGS = {b"**/": rb"(?:[^/]+/)*", b"**": rb".*", b"*": rb"[^/]*", b"?": rb"[^/]"}
_SPECIAL = re.compile(r"[*?\[]")


class Globs:
    """Several patterns; one that matches a folder matches all below it."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._patterns = [(one, _compiled(one)) for one in patterns]
        # The part before the first wildcard shows where a match may lie
        self._fixed = [os.fsencode(_SPECIAL.split(one.strip("/"), maxsplit=1)[0]) for one in patterns if "/" in one]

    def __bool__(self) -> bool:
        return bool(self._patterns)

    def first(self, path: bytes) -> str | None:
        """Return the first pattern that matches a path below the root, None without one."""
        return next((one for one, pattern in self._patterns if pattern.fullmatch(path)), None)

    def may_lie_below(self, folder: bytes) -> bool:
        """Return whether a pattern names something below `folder` by its path."""
        return any(fixed.startswith(folder + b"/") for fixed in self._fixed)


def _compiled(pattern: str) -> re.Pattern[bytes]:
    stripped = os.fsencode(pattern.strip("/"))
    # `/name` matches at the root only
    anywhere = b"" if "/" in pattern.rstrip("/") else rb"(?:[^/]+/)*"
    meant = b"".join(_meaning(found.group()) for found in _PART.finditer(stripped))
    return re.compile(anywhere + meant + rb"(?:/.*)?", re.DOTALL)


def _meaning(part: bytes) -> bytes:
    if part in _MEANINGS:
        return _MEANINGS[part]
    if len(part) > 2 and part.startswith(b"["):
        negated = b"^" if part[1:2] in (b"!", b"^") else b""
        chosen = part[2:-1] if negated else part[1:-1]
        return b"[" + negated + chosen.replace(b"\\", b"\\\\") + b"]"
    return re.escape(part)
