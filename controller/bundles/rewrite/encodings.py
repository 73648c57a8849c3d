"""Encodings of whole values: decoded only when encoding again gives the same bytes."""

from __future__ import annotations

import base64
import binascii
import html
import json
import re
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from urllib.parse import quote, quote_plus, unquote_to_bytes

Encode = Callable[[bytes], bytes]

_BASE64 = re.compile(rb"[A-Za-z0-9+/]{8,}={0,2}\Z")
_BASE64_OTHER = re.compile(rb"[A-Za-z0-9+/_\-\r\n]{12,}+={0,2}+\s*+\Z")
_URL_STRUCTURE = re.compile(rb"(?:[saOCS]%3[Aa][0-9+]+%3[Aa]|%7[Bb]|%5[Bb]|%22)")
_PACKED = (b"\x1f\x8b", b"\x78\x01", b"\x78\x9c", b"\x78\xda", b"\x78\x5e")
#: Bytes of a compressed value to inspect.
_UNPACKED_LIMIT = 16 * 1024 * 1024


@dataclass(frozen=True)
class Wrapped:
    """A value inside an encoding: `inner` is decoded; `encode` is for literal bytes, `step` for placeholders."""

    inner: bytes
    step: str
    encode: Encode


def _chosen(data: bytes, inner: bytes, step_encoders: Sequence[tuple[str, Encode]]) -> Wrapped | None:
    for step, encode in step_encoders:
        if encode(inner) == data:
            return Wrapped(inner, step, encode)
    return None


def json_encode(value: bytes) -> bytes:
    """Return `value` inside a JSON string as json_encode of PHP writes it by default."""
    return json_encode_plain(value).replace(b"/", b"\\/")


def json_encode_plain(value: bytes) -> bytes:
    """Return the same with plain slashes."""
    return json.dumps(value.decode("utf-8"))[1:-1].encode("ascii")


def json_encode_unicode(value: bytes) -> bytes:
    """Return the same with non-ASCII characters unescaped."""
    return json.dumps(value.decode("utf-8"), ensure_ascii=False)[1:-1].encode("utf-8")


def _json_hex(value: bytes) -> bytes:
    coded = json_encode(value).replace(b'\\"', b"\\u0022")
    for char, code in ((b"<", b"3C"), (b">", b"3E"), (b"&", b"26"), (b"'", b"27")):
        coded = coded.replace(char, b"\\u00" + code)
    return coded


_JSON_ENCODERS: tuple[tuple[str, Encode], ...] = (
    ("json", json_encode),
    ("jsonplain", json_encode_plain),
    ("jsonplain", json_encode_unicode),
    ("json", lambda value: json_encode_unicode(value).replace(b"/", b"\\/")),
    ("json", _json_hex),
)


def in_json(body: bytes) -> Wrapped | None:
    """Return the decoded JSON string, given without its quotes; None when it is not valid.

    When `body` mixes spellings, `encode` writes it as PHP does by default: another spelling, same meaning.
    """
    try:
        inner = str(json.loads(b'"' + body + b'"', strict=False)).encode("utf-8")
    except (ValueError, RecursionError):
        return None
    return _chosen(body, inner, _JSON_ENCODERS) or Wrapped(inner, "json", json_encode)


def _lower_hex(value: bytes) -> bytes:
    return re.sub(rb"%..", lambda hit: hit.group().lower(), quote(value, safe="").encode("ascii"))


_URL_ENCODERS: tuple[tuple[str, Encode], ...] = (
    ("url", lambda value: quote(value, safe="").encode("ascii")),
    ("url", lambda value: quote_plus(value, safe="").encode("ascii")),
    ("url", lambda value: quote_plus(value, safe="").replace("~", "%7E").encode("ascii")),
    ("url", _lower_hex),
)


def in_url(data: bytes) -> Wrapped | None:
    """Return the decoded form of a URL-encoded structure; None when `data` is not one."""
    if not _URL_STRUCTURE.match(data):
        return None
    return in_url_string(data)


def in_url_string(body: bytes) -> Wrapped | None:
    """Return the decoded form of a URL-encoded text."""
    meanings = (unquote_to_bytes(body), unquote_to_bytes(body.replace(b"+", b" ")))
    return next(filter(None, (_chosen(body, inner, _URL_ENCODERS) for inner in meanings)), None)


def _html(value: bytes, apostrophe: bytes) -> bytes:
    return html.escape(value.decode("utf-8"), quote=True).encode("utf-8").replace(b"&#x27;", apostrophe)


_HTML_ENCODERS: tuple[tuple[str, Encode], ...] = tuple(
    ("html", partial(_html, apostrophe=apostrophe)) for apostrophe in (b"&#039;", b"&#x27;", b"&#39;", b"'", b"&apos;")
)


def in_html(data: bytes) -> Wrapped | None:
    """Return the decoded form of an HTML-escaped value; None when nothing in it is escaped."""
    return in_html_string(data) if b"&quot;" in data else None


def in_html_string(data: bytes) -> Wrapped | None:
    """Return the decoded form of an HTML-escaped text."""
    try:
        return _chosen(data, html.unescape(data.decode("utf-8")).encode("utf-8"), _HTML_ENCODERS)
    except UnicodeError:
        return None


def base64_inner(data: bytes) -> bytes | None:
    """Return the content of plain base64; None when encoding it again does not give `data`."""
    if len(data) % 4 or not _BASE64.match(data):
        return None
    inner = base64.b64decode(data)
    return inner if base64.b64encode(inner) == data else None


def base64_other(data: bytes) -> bytes | None:
    """Return the content of base64 in another spelling (URL alphabet, no padding, line breaks); None if it is none."""
    if not _BASE64_OTHER.match(data):
        return None
    packed = re.sub(rb"[\s=]", b"", data).replace(b"-", b"+").replace(b"_", b"/")
    try:
        return base64.b64decode(packed + b"=" * (-len(packed) % 4))
    except binascii.Error:
        return None


def is_packed(data: bytes) -> bool:
    """Return whether `data` is a gzip or zlib value."""
    return data.startswith(_PACKED) and unpacked(data, 1) is not None


def unpacked(data: bytes, limit: int = _UNPACKED_LIMIT) -> bytes | None:
    """Return the first `limit` decompressed bytes of a gzip or zlib value; None when it is not one."""
    if not data.startswith(_PACKED):
        return None
    try:
        return zlib.decompressobj(47).decompress(data, limit)
    except zlib.error:
        return None
