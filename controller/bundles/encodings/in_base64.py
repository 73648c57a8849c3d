"""Values in base64, of which a text may hold a whole one or a run."""

from __future__ import annotations

import base64
import binascii
import re

_BASE64 = re.compile(rb"[A-Za-z0-9+/]{8,}={0,2}\Z")
_OTHER = re.compile(rb"[A-Za-z0-9+/_\-\r\n]{12,}+={0,2}+\s*+\Z")


def inner(data: bytes) -> bytes | None:
    """Return the content of plain base64; None when encoding it again does not give `data`."""
    if len(data) % 4 or not _BASE64.match(data):
        return None
    found = base64.b64decode(data)
    return found if base64.b64encode(found) == data else None


def other(data: bytes) -> bytes | None:
    """Return the content of base64 in another spelling (URL alphabet, no padding, line breaks); None if it is none."""
    if not _OTHER.match(data):
        return None
    packed = re.sub(rb"[\s=]", b"", data).replace(b"-", b"+").replace(b"_", b"/")
    try:
        return base64.b64decode(packed + b"=" * (-len(packed) % 4))
    except binascii.Error:
        return None
