"""Recognises files that name hosts as examples: libraries, tests, documentation; their common hosts stay."""

from __future__ import annotations

import re

_EXAMPLE = re.compile(
    rb"(?:.*/)?(?:vendor|node_modules|bower_components|tests?|docs?|documentation|examples?|demos?)/.*"
    rb"|(?:.*/)?(?:readme|changelog|changes|history|upgrade|install|license|licence)(?:[-_.][^/]*)?"
    rb"|.*\.(?:md|rst|markdown)",
    re.IGNORECASE | re.DOTALL,
)


def is_example(path: bytes) -> bool:
    """Return whether a file is a library's, a test or documentation, which never holds the template's own address."""
    return _EXAMPLE.fullmatch(path) is not None
