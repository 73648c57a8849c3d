"""HTML-escaped values."""

from __future__ import annotations

import html
from functools import partial

from controller.bundles.encodings.encoding import Encode, Encoding, Wrapped, chosen


def _html(value: bytes, apostrophe: bytes) -> bytes:
    return html.escape(value.decode("utf-8"), quote=True).encode("utf-8").replace(b"&#x27;", apostrophe)


_ENCODERS: tuple[tuple[str, Encode], ...] = tuple(
    ("html", partial(_html, apostrophe=apostrophe)) for apostrophe in (b"&#039;", b"&#x27;", b"&#39;", b"'", b"&apos;")
)


def structure(data: bytes) -> Wrapped | None:
    """Return the decoded form of an HTML-escaped value; None when nothing in it is escaped."""
    return decoded(data) if b"&quot;" in data else None


def decoded(data: bytes) -> Wrapped | None:
    """Return the decoded form of an HTML-escaped text."""
    try:
        return chosen(data, html.unescape(data.decode("utf-8")).encode("utf-8"), _ENCODERS)
    except UnicodeError:
        return None


HTML = Encoding(
    rare=(
        lambda value: value.replace(b"/", b"&#x2F;"),
        lambda value: value.replace(b"/", b"&#x2f;"),
        lambda value: value.replace(b"/", b"&#47;"),
        lambda value: value.replace(b"/", b"&#047;"),
    ),
    searched=(
        lambda value: html.escape(value.decode("utf-8", "surrogateescape"), quote=True).encode(
            "utf-8", "surrogateescape"
        ),
    ),
    structure=structure,
    quotes=(b"&quot;", b"&#34;", b"&#034;"),
    string=decoded,
)
