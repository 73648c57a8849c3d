"""JSON of other machines: read only where it cannot take many times its own size."""

from __future__ import annotations

import json
import math
from typing import Any

#: Lists and objects in one document; each takes twenty times the bytes it is written with.
MAX_CONTAINERS = 250_000


def parse(body: bytes) -> Any:
    """Return the document in `body`. Raises ValueError for what is none, holds too many lists and objects, is nested
    too deeply, or names a number that is not finite."""
    if body.count(b"[") + body.count(b"{") > MAX_CONTAINERS:
        raise ValueError("too many lists and objects")
    try:
        # Names of files and notes may be in whatever encoding; they spoil no more than themselves
        text = body.decode("utf-8-sig", "replace")
        return json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is no number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is not finite")
    return number
