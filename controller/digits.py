"""Converts decimal digits of any script, as people type them, to ASCII."""

from __future__ import annotations

import unicodedata


def latin(text: str) -> str:
    """Return `text` with its decimal digits as 0 to 9."""
    return "".join(str(unicodedata.decimal(letter, letter)) for letter in text)
