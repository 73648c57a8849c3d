"""Where PHP source lets its pages show errors, and the same source without that."""

from __future__ import annotations

import re
from collections.abc import Callable

_INI_SET = re.compile(
    rb"(\bini_set\s*\(\s*['\"](?:display_errors|display_startup_errors|html_errors)['\"]\s*,\s*+)"
    rb"(?!(?:0|'0'|\"0\"|false|'off'|\"off\"|'')\s*\))[^,;()]+(?=\))",
    re.IGNORECASE,
)


def without_shown_errors(source: bytes, stays: Callable[[int], bool] = lambda place: False) -> bytes:
    """Return PHP source that lets no page show errors; `stays` tells of a place in it whether it is right there."""
    return _INI_SET.sub(lambda found: found.group() if stays(found.start()) else found.group(1) + b"0", source)
