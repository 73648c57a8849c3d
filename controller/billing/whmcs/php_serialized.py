"""PHP's serialize() for a map of texts, the format of WHMCS's custom variables: lengths count bytes of UTF-8."""

from __future__ import annotations

import base64
from collections.abc import Mapping


def serialized(values: Mapping[str, str]) -> bytes:
    """Return `values` as PHP's serialize() writes an array with these keys."""
    parts = b"".join(_text(part) for pair in values.items() for part in pair)
    return b"a:%d:{%s}" % (len(values), parts)


def custom_variables(values: Mapping[str, str]) -> str:
    """Return `values` as the parameter `customvars` of SendEmail."""
    return base64.b64encode(serialized(values)).decode("ascii")


def _text(value: str) -> bytes:
    data = value.encode("utf-8")
    return b's:%d:"%s";' % (len(data), data)
