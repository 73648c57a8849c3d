"""How the name or title of a variant is compared with what an order says."""

from __future__ import annotations

import html


def spellings(text: str) -> tuple[str, str]:
    """Return the forms in which a name or title is compared: as written, and as billing's HTML renders it."""
    plain, unescaped = (" ".join(one.split()).casefold() for one in (text, html.unescape(text)))
    return plain, unescaped
