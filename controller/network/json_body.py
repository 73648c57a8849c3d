"""Parse JSON from other machines, limited so that it cannot take many times its own size in memory."""

from __future__ import annotations

import json
import math
from typing import Any

#: Lists and objects in one document; each takes twenty times its written size in memory.
MAX_CONTAINERS = 250_000


def parse(body: bytes) -> Any:
    """Return the document in `body`.

    Raises ValueError for invalid JSON, too many lists and objects, too deep nesting, or a number that is not finite.
    """
    if body.count(b"[") + body.count(b"{") > MAX_CONTAINERS:
        raise ValueError("too many lists and objects")
    try:
        # File names and notes may be in any encoding; replacing bad bytes damages only them
        text = body.decode("utf-8-sig", "replace")
        return json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _refuse(name: str) -> object:
    raise ValueError(f"{name} is no number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is not finite")
    return number
