"""Removes from PHP source the settings that show errors on pages."""

from __future__ import annotations

import re
from collections.abc import Callable

_INI_SET = re.compile(
    rb"(\bini_set\s*\(\s*['\"](?:display_errors|display_startup_errors|html_errors)['\"]\s*,\s*+)"
    rb"(?!(?:0|'0'|\"0\"|false|'off'|\"off\"|'')\s*\))[^,;()]+(?=\))",
    re.IGNORECASE,
)


def without_shown_errors(source: bytes, stays: Callable[[int], bool] = lambda place: False) -> bytes:
    """Return PHP source that shows no errors on pages; `stays` returns whether a setting at a position may stay."""
    return _INI_SET.sub(lambda found: found.group() if stays(found.start()) else found.group(1) + b"0", source)
