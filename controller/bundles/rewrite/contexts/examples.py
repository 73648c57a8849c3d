"""Files that name hosts as examples: libraries, tests, documentation. A common host in them is not the template's."""

from __future__ import annotations

import re

_EXAMPLE = re.compile(
    rb"(?:.*/)?(?:vendor|node_modules|bower_components|tests?|docs?|documentation|examples?|demos?)/.*"
    rb"|(?:.*/)?(?:readme|changelog|changes|history|upgrade|install|license|licence)(?:[-_.][^/]*)?"
    rb"|.*\.(?:md|rst|markdown)",
    re.IGNORECASE | re.DOTALL,
)


def is_example(path: bytes) -> bool:
    """Return whether a file is a library's, a test or documentation, which no template writes its address into."""
    return _EXAMPLE.fullmatch(path) is not None
