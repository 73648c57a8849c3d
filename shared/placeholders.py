"""Placeholders: their grammar, their encodings, and filling them in.

A placeholder is `@@SL` + 8 hex digits (the bundle's nonce) + `:name:steps@@`. `name` is a value of the job
(`domain`, `secret.cookie_key`) or `fragment.N`, a template of the bundle that is rendered first. `steps` is
a chain of encodings applied from left to right and joined by dots: `json.sql` is a value inside JSON inside an
SQL string. The step `len` returns the decimal length in bytes of its input, `len*2+14` twice that
length plus 14: PHP-serialized strings need it. A placeholder is ASCII without quote, slash or backslash.
"""

import base64
import json
import re
from urllib.parse import quote

from shared.errors import ShoplaunchError

MYPY = False
if MYPY:
    from typing import Callable, Mapping

NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)*\Z")
NONCE = re.compile(r"[0-9a-f]{8}\Z")
_LENGTH = re.compile(r"len(?:\*(\d{1,10}))?(?:\+(\d{1,10}))?\Z", re.ASCII)
_MARK = b"@@SL"
_REGEX_SPECIAL = re.compile(rb"([.\\+*?\[^\]$(){}=!<>|:\-#/])")
_SQL_ESCAPES = {0: b"\\0", 10: b"\\n", 13: b"\\r", 26: b"\\Z", 34: b'\\"', 39: b"\\'", 92: b"\\\\"}
_SQL_SPECIAL = re.compile(rb"[\x00\n\r\x1a\"'\\]")
#: Fragments may contain fragments, up to this depth.
MAX_DEPTH = 32
#: Limit for the filled placeholders of one text in total, and for a single one: no row is larger.
MAX_FILLED_BYTES = 64 * 1024 * 1024
#: Size limit of the cache of filled placeholders.
_REMEMBERED_BYTES = 4 * 1024 * 1024


def sql_escape(value: bytes) -> bytes:
    """Return bytes `value` escaped for a single-quoted MySQL string (backslash escapes on)."""
    return _SQL_SPECIAL.sub(lambda match: _SQL_ESCAPES[match.group()[0]], value)


def _php(value: bytes) -> bytes:
    return value.replace(b"\\", b"\\\\").replace(b"'", b"\\'")


def _json(value: bytes) -> bytes:
    return json.dumps(value.decode("utf-8"))[1:-1].encode("ascii")


def _html(value: bytes) -> bytes:
    # Its table of names is large, and few templates need it
    import html

    return html.escape(value.decode("utf-8"), quote=True).encode("utf-8")


ENCODERS: "dict[str, Callable[[bytes], bytes]]" = {
    "raw": lambda value: value,
    "sql": sql_escape,
    # Inside PHP '...'
    "php": _php,
    # Inside PHP '...' of a Symfony parameter, where % is doubled
    "symfony": lambda value: _php(value.replace(b"%", b"%%")),
    # PHP's json_encode by default: \uXXXX and \/
    "json": lambda value: _json(value).replace(b"/", b"\\/"),
    # JSON_UNESCAPED_SLASHES
    "jsonplain": _json,
    "url": lambda value: quote(value, safe="").encode("ascii"),
    "html": _html,
    # A literal inside a regular expression, as in .htaccess conditions
    "regex": lambda value: _REGEX_SPECIAL.sub(rb"\\\1", value),
    "base64": base64.b64encode,
}


def token(nonce: str, name: str, steps: str = "raw") -> bytes:
    """Return the placeholder for value `name` as bytes. Raises ValueError for a name or step outside the grammar."""
    if not NONCE.match(nonce) or not NAME.match(name):
        raise ValueError("not a placeholder: {}:{}".format(nonce, name))
    for step in steps.split("."):
        if step not in ENCODERS and not _LENGTH.match(step):
            raise ValueError("unknown encoding step: {}".format(step))
    return "@@SL{}:{}:{}@@".format(nonce, name, steps).encode("ascii")


def encode(value: bytes, steps: str) -> bytes:
    """Return `value` (bytes) after the dot-joined `steps`. Raises ShoplaunchError `placeholder_invalid`."""
    for step in steps.split("."):
        encoder = ENCODERS.get(step)
        if encoder is not None:
            try:
                value = encoder(value)
            except UnicodeDecodeError:
                raise ShoplaunchError("placeholder_invalid", "a value is not UTF-8 text") from None
            _check_filled(len(value))
            continue
        length = _LENGTH.match(step)
        if length is None:
            raise ShoplaunchError("placeholder_invalid", "unknown encoding step {!r}".format(step[:40]))
        total = len(value) * int(length.group(1) or 1) + int(length.group(2) or 0)
        value = str(total).encode("ascii")
    return value


def _check_filled(size: int) -> None:
    if size > MAX_FILLED_BYTES:
        raise ShoplaunchError("placeholder_invalid", "placeholders become more than {} bytes".format(MAX_FILLED_BYTES))


class Renderer:
    """Fills the placeholders of one bundle with the values of one job; caches each encoded value.

    `nonce` is the bundle's, `values` maps names to str, `fragments` maps the N of `fragment.N` (str) to bytes.
    """

    def __init__(self, nonce: str, values: "Mapping[str, str]", fragments: "Mapping[str, bytes] | None" = None) -> None:
        if not NONCE.match(nonce):
            raise ShoplaunchError("placeholder_invalid", "the bundle's nonce is not 8 hex digits")
        self.mark = _MARK + nonce.encode("ascii") + b":"
        self._values = values
        self._fragments = fragments or {}
        self._known: "dict[bytes, bytes]" = {}
        self._held = 0

    def has_placeholders(self, data: bytes) -> bool:
        """Return whether bytes `data` hold a placeholder of this bundle."""
        return self.mark in data

    def render(self, data: bytes, _depth: int = 0) -> bytes:
        """Return bytes `data` with every placeholder filled.

        Raises ShoplaunchError `placeholder_unknown` for a name without a value, `placeholder_invalid` for a broken
        placeholder, fragments nested too deep, or more than MAX_FILLED_BYTES of filled placeholders.
        """
        if self.mark not in data:
            return data
        if _depth > MAX_DEPTH:
            raise ShoplaunchError("placeholder_invalid", "fragments are nested without end")
        # Memory views: unchanged parts may be large, and are copied only once, into the result
        pieces: "list[bytes | memoryview]" = []
        view, start, grown = memoryview(data), 0, 0
        at = data.find(self.mark)
        while at >= 0:
            pieces.append(view[start:at])
            begin, at = at + len(self.mark), data.find(self.mark, at + len(self.mark))
            end = data.find(b"@@", begin, len(data) if at < 0 else at)
            if end < 0:
                raise ShoplaunchError("placeholder_invalid", "a placeholder has no end")
            key, start = bytes(view[begin:end]), end + 2
            filled = self._known.get(key)
            if filled is None:
                filled = self._fill(key, _depth)
                self._remember(key, filled)
            # Nested fragments can grow beyond any memory
            grown += len(filled)
            _check_filled(grown)
            pieces.append(filled)
        pieces.append(view[start:])
        return b"".join(pieces)

    def _remember(self, key: bytes, filled: bytes) -> None:
        self._held += len(filled)
        if self._held > _REMEMBERED_BYTES:
            self._known, self._held = {}, len(filled)
        self._known[key] = filled

    def _fill(self, key: bytes, depth: int) -> bytes:
        try:
            name, steps = key.decode("ascii").split(":")
        except ValueError:
            raise ShoplaunchError("placeholder_invalid", "broken placeholder {!r}".format(key[:60])) from None
        if name.startswith("fragment."):
            fragment = self._fragments.get(name[len("fragment.") :])
            if fragment is None:
                raise ShoplaunchError("placeholder_unknown", "the bundle has no {}".format(name))
            return encode(self.render(fragment, depth + 1), steps)
        if name not in self._values:
            raise ShoplaunchError("placeholder_unknown", "the job has no value for {}".format(name))
        try:
            return encode(self._values[name].encode("utf-8"), steps)
        except UnicodeEncodeError:
            raise ShoplaunchError("placeholder_invalid", "the value of {} is not text".format(name)) from None
