"""Text of other machines, cleaned for storing, showing and mailing: one line, no control characters, limited length."""

from __future__ import annotations

import re

#: Characters that control a terminal, change the direction of text, or are no characters at all.
UNSHOWN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_REPLACEMENT = "\ufffd"


def shown(text: str, limit: int) -> str:
    """Return `text` on one line of at most `limit` characters."""
    # The rest cannot be part of the result
    beginning = " ".join(text[: 4 * limit].split())
    return UNSHOWN.sub(_REPLACEMENT, beginning)[:limit]
