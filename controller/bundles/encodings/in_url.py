"""URL-encoded values."""

from __future__ import annotations

import re
from urllib.parse import quote, quote_plus, unquote_to_bytes

from controller.bundles.encodings.encoding import Encode, Encoding, Wrapped, chosen

_STRUCTURE = re.compile(rb"(?:[saOCS]%3[Aa][0-9+]+%3[Aa]|%7[Bb]|%5[Bb]|%22)")


def _quoted(value: bytes) -> bytes:
    return quote(value, safe="").encode("ascii")


def _lower_hex(value: bytes) -> bytes:
    return re.sub(rb"%..", lambda hit: hit.group().lower(), _quoted(value))


_ENCODERS: tuple[tuple[str, Encode], ...] = (
    ("url", _quoted),
    ("url", lambda value: quote_plus(value, safe="").encode("ascii")),
    ("url", lambda value: quote_plus(value, safe="").replace("~", "%7E").encode("ascii")),
    ("url", _lower_hex),
)


def structure(data: bytes) -> Wrapped | None:
    """Return the decoded form of a URL-encoded structure; None when `data` is not one."""
    return decoded(data) if _STRUCTURE.match(data) else None


def decoded(body: bytes) -> Wrapped | None:
    """Return the decoded form of a URL-encoded text."""
    meanings = (unquote_to_bytes(body), unquote_to_bytes(body.replace(b"+", b" ")))
    return next(filter(None, (chosen(body, inner, _ENCODERS) for inner in meanings)), None)


URL = Encoding(
    spellings=(_quoted, _lower_hex),
    searched=(_quoted, _lower_hex),
    structure=structure,
    quotes=(b"%22",),
    string=decoded,
)
