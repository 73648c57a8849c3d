"""Decodes and encodes base64 in JSON and URLs, where its slash and plus may be escaped."""

from __future__ import annotations

import re

_SLASH = re.compile(rb"\\+(?:/|u002[fF])|%2[fF]")
_PLUS = re.compile(rb"\\+u002[bB]|%2[bB]")
_EITHER = re.compile(_SLASH.pattern + rb"|" + _PLUS.pattern)
#: Every escaped sign contains at least one of these.
_MARKS = (b"\\/", b"u002", b"%2")
#: The combinations in which slash and plus are written.
_SPELLED = (
    (b"\\/", b"+"), (b"\\\\/", b"+"), (b"\\\\\\/", b"+"), (b"\\u002f", b"+"), (b"\\u002F", b"+"), (b"/", b"\\u002b"),
    (b"/", b"\\u002B"), (b"\\/", b"\\u002b"), (b"\\u002f", b"\\u002b"), (b"\\u002F", b"\\u002B"), (b"%2F", b"%2B"),
    (b"%2f", b"%2b"),
)  # fmt: skip
#: Base64 of eight characters or more, with its signs in any spelling.
RUN = re.compile(rb"(?:[A-Za-z0-9+/]|" + _EITHER.pattern + rb"){8,}+={0,2}")


def plain(data: bytes) -> bytes:
    """Return `data` with its signs unescaped; the same object when none is escaped."""
    if not any(mark in data for mark in _MARKS):
        return data
    made = _PLUS.sub(b"+", _SLASH.sub(b"/", data))
    return data if made == data else made


def like(sample: bytes, coded: bytes) -> bytes:
    """Return base64 with its signs escaped as they are in `sample`."""
    for sign, escaped in ((b"/", _SLASH), (b"+", _PLUS)):
        found = escaped.search(sample)
        coded = coded.replace(sign, found.group()) if found else coded
    return coded


def spellings(coded: bytes) -> list[bytes]:
    """Return base64 as it is, and in each spelling with escaped signs."""
    made = (coded.replace(b"+", plus).replace(b"/", slash) for slash, plus in _SPELLED)
    return list(dict.fromkeys([coded, *made]))
