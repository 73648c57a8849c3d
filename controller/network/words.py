"""Words of other machines, made fit to be kept, shown and mailed: one line, no controls, never long."""

from __future__ import annotations

import re

#: What moves a terminal, turns the direction of a line around, or is no character at all.
_UNSHOWN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_REPLACEMENT = "\ufffd"


def shown(text: str, limit: int) -> str:
    """Return `text` on one line of at most `limit` characters."""
    # Never more of it is looked at than can be left of it
    beginning = " ".join(text[: 4 * limit].split())
    return _UNSHOWN.sub(_REPLACEMENT, beginning)[:limit]
