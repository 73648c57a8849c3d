"""What an answer of WHMCS's External API says: lists in any of their shapes, and switches."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from controller.network import json_body

_FLAT = re.compile(r"\[([^\]]*)\]")
#: Longest remainder of a flat key after the list's name: the row's number and the field.
_FLAT_CHARS = 200


def parsed(content: bytes) -> dict[str, object] | None:
    """Return the JSON object in `content`, None when it is none."""
    try:
        found = json_body.parse(content)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def items(document: Mapping[str, Any], outer: str, inner: str) -> Iterator[dict[str, Any]]:
    """Yield the rows of a list in an answer, in whichever of WHMCS's shapes it comes.

    `{outer: {inner: [...]}}`; a single row without its list; "" or [] for none; flat keys `outer[inner][0][name]`.
    """
    found: Any = document.get(outer)
    if isinstance(found, Mapping):
        found = found.get(inner, found)
    if isinstance(found, Mapping):
        rows = list(found.values()) if all(isinstance(row, Mapping) for row in found.values()) else [found]
        yield from (dict(row) for row in rows)
    elif isinstance(found, list):
        yield from (dict(row) for row in found if isinstance(row, Mapping))
    else:
        yield from _flat(document, f"{outer}[{inner}]")


def _flat(document: Mapping[str, object], prefix: str) -> Iterator[dict[str, object]]:
    rows: dict[str, dict[str, Any]] = {}
    for key, value in document.items():
        # A long name made of brackets would take quadratic time
        if key.startswith(prefix) and len(key) <= len(prefix) + _FLAT_CHARS:
            path = _FLAT.findall(key[len(prefix) :])
            if len(path) == 2:
                rows.setdefault(path[0], {})[path[1]] = value
    yield from rows.values()


def is_off(value: object) -> bool:
    """Return whether WHMCS means "no": it sends 0, "0", false, "off" or "" in different places."""
    return str(value).strip().lower() in ("0", "false", "off", "")
