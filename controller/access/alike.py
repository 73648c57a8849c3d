"""Finds names that people confuse: they differ only in case or in the form of their letters."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable


def find(name: str, known: Iterable[str]) -> str | None:
    """Return which of the `known` names is `name`, or looks the same to people; None when there is none."""
    names = list(known)
    if name in names:
        return name
    wanted = _read(name)
    return next((one for one in names if _read(one) == wanted), None)


def _read(name: str) -> str:
    """Return the canonical form of `name` for comparison."""
    # Normalised again, as a letter in lower case may have another form
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
