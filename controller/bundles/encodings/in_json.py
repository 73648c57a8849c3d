"""JSON strings as PHP and others write them."""

from __future__ import annotations

import json
import re

from controller.bundles.encodings.encoding import Encode, Encoding, Wrapped, chosen


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


_ENCODERS: tuple[tuple[str, Encode], ...] = (
    ("json", json_encode),
    ("jsonplain", json_encode_plain),
    ("jsonplain", json_encode_unicode),
    ("json", lambda value: json_encode_unicode(value).replace(b"/", b"\\/")),
    ("json", _json_hex),
)


def decoded(body: bytes) -> Wrapped | None:
    """Return the decoded JSON string, given without its quotes; None when it is not valid.

    When `body` mixes spellings, `encode` writes it as PHP does by default: another spelling, same meaning.
    """
    try:
        inner = str(json.loads(b'"' + body + b'"', strict=False)).encode("utf-8")
    except (ValueError, RecursionError):
        return None
    return chosen(body, inner, _ENCODERS) or Wrapped(inner, "json", json_encode)


def _of_any(value: bytes) -> bytes:
    """Return `value`, which need not be UTF-8, with plain slashes."""
    return json.dumps(value.decode("utf-8", "surrogateescape"))[1:-1].encode("ascii")


def _readable(value: bytes) -> bytes:
    return json.dumps(value.decode("utf-8", "replace"))[1:-1].encode("ascii")


def _slashes(value: bytes) -> bytes:
    return _readable(value).replace(b"/", b"\\/")


def _numbered(value: bytes) -> bytes:
    """Return `value` as programs write it that escape by number every sign with a meaning in HTML."""
    coded = _slashes(value).replace(b'\\"', b"\\u0022").replace(b"\\/", b"\\u002F")
    return re.sub(rb"[<>&'+]", lambda sign: b"\\u%04X" % ord(sign.group()), coded)


def _small(value: bytes) -> bytes:
    return re.sub(rb"\\u00..", lambda number: number.group().lower(), value)


#: As json_encode of PHP writes it by default.
DEFAULT = Encoding(
    spellings=(lambda value: _of_any(value).replace(b"/", b"\\/"),),
    rare=(
        lambda value: _of_any(value).replace(b"/", b"\\u002f"),
        lambda value: _of_any(value).replace(b"/", b"\\u002F"),
    ),
    # The spellings of all JSON
    searched=(
        _readable,
        _slashes,
        lambda value: _readable(_readable(value)),
        lambda value: _slashes(_slashes(value)),
        lambda value: _readable(value).replace(b"/", b"\\u002f"),
        lambda value: _readable(value).replace(b"/", b"\\u002F"),
        lambda value: re.sub(rb"[<>&]", lambda sign: b"\\u%04x" % ord(sign.group()), _readable(value)),
        # As PHP does it on request: slashes as before
        lambda value: _numbered(value).replace(b"\\u002F", b"\\/").replace(b"\\u002B", b"+"),
        _numbered,
        lambda value: _small(_numbered(value)),
    ),
    quotes=(b'\\"', b"\\u0022"),
    string=decoded,
)
#: With plain slashes.
PLAIN = Encoding(spellings=(_of_any,))
