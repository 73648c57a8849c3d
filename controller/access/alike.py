"""Names that people take for one and the same: those that differ in case or in the form of their letters alone."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable


def find(name: str, known: Iterable[str]) -> str | None:
    """Return which of the `known` names is `name`, or is taken for it; None when it is none of them."""
    names = list(known)
    if name in names:
        return name
    wanted = _read(name)
    return next((one for one in names if _read(one) == wanted), None)


def _read(name: str) -> str:
    """Return what `name` is read as."""
    # A second time, as a letter of the small ones may have another form again
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
