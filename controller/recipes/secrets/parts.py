"""Finds secrets inside structured values – PHP-serialized, JSON, both in base64 – and removes them."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from controller.recipes.php import serialized
from controller.recipes.secrets.names import is_called, is_key, is_password
from controller.recipes.secrets.values import NONE, PROVEN, judge

#: Structures nested deeper than this are left as they are.
_MAX_DEPTH = 12
#: Keys without a meaning of their own: the parent's name counts.
_NEUTRAL = re.compile(
    r"(?:|[0-9]+|live|test|sandbox|prod|production|staging|dev|value|key|id|data|current|default|primary|secondary)$",
    re.IGNORECASE,
)
_PAIRED_NAMES, _PAIRED_VALUES = ("name", "key", "option", "field"), ("value", "val")
_PHP = re.compile(rb"[sSaOC]:\+?([0-9]+):|[NbidrRE][:;]")
_JSON_TOKEN = re.compile(rb'\s*(?:"((?:[^"\\]|\\.)*)"|([{}\[\]:,])|([^\s"{}\[\]:,]+))', re.DOTALL)
_BASE64 = re.compile(rb"[A-Za-z0-9+/]{16,}={0,2}")

#: Takes a text's name and bytes, returns the replacement: the same object for no change.
Change = Callable[[str, bytes], bytes]


@dataclass(frozen=True)
class Held:
    """A secret inside a value: `name` is its place, "" for the whole value."""

    name: str
    value: bytes
    proven: bool


@dataclass(frozen=True)
class Part:
    """A text in a structure: with its quotes it stands from `start` to `end`, `body` is the decoded text."""

    name: str
    start: int
    end: int
    body: bytes


def secrets_in(name: str, value: bytes) -> list[Held]:
    """Return the secrets of a value: itself, or those inside it."""
    return taken_out(name, value)[1]


def taken_out(name: str, value: bytes) -> tuple[bytes, list[Held]]:
    """Return (the value with its secrets emptied, the secrets); the same object when it has none.

    Lengths in serialized data are corrected.
    """
    found: list[Held] = []

    def emptied(called: str, text: bytes) -> bytes:
        verdict = judge(called.rpartition("\0")[2], text)
        if verdict == NONE:
            return text
        where = "" if called == name else called.replace("\0", ".")
        found.append(Held(where, text.strip(), verdict == PROVEN))
        return b""

    inner = _unwrapped(value)
    if inner is None or not (is_called(name) or is_password(name)):
        return changed(name, value, emptied), found
    # Licences are stored so: half of one would be sent to its maker for a check
    changed(name, inner, emptied)
    found.append(Held("", value.strip(), False))
    return b"", found


def changed(name: str, value: bytes, change: Change, depth: int = 0) -> bytes:
    """Return a value with its texts replaced by `change`, in any structure.

    The texts' names are joined by NUL: the last one counts.
    """
    if depth < _MAX_DEPTH:
        for parts_of, written in ((_php_parts, _php_text), (_json_parts, _json_text)):
            parts = parts_of(name, value)
            if parts is not None:
                return _put_together(value, parts, written, change, depth)
        inner = _unwrapped(value)
        if inner is not None:
            made = changed(name, inner, change, depth + 1)
            return value if made is inner else base64.b64encode(made)
    return change(name, value)


def is_structure(value: bytes) -> bool:
    """Return whether a value is serialized or JSON, so that only its parts can be secrets."""
    return _php_parts("", value) is not None or _json_parts("", value) is not None


def _put_together(
    value: bytes, parts: list[Part], written: Callable[[bytes], bytes], change: Change, depth: int
) -> bytes:
    done, last = [], 0
    for part in parts:
        made = changed(part.name, part.body, change, depth + 1)
        if made is not part.body:
            done += [value[last : part.start], written(made)]
            last = part.end
    return b"".join(done) + value[last:] if done else value


def _below(parent: str, key: str) -> str:
    """Return the name of the value at `key`: neutral keys take the parent's name."""
    own = parent.rpartition("\0")[2]
    inherits = _NEUTRAL.match(key) and (is_called(own) or is_password(own) or is_key(own))
    return f"{parent}\0{own if inherits else key}" if parent else key


def _php_parts(name: str, value: bytes) -> list[Part] | None:
    """Return the texts of a serialized value, None when it is not one."""
    if not serialized.is_start(value):
        return None
    try:
        _, end = serialized.scan(value)
    except serialized.Broken:
        return None
    if value[end:].strip(b" \t\r\n\0"):
        return None
    return list(_php_walk(name, value, end))


def _php_text(body: bytes) -> bytes:
    return b's:%d:"%b";' % (len(body), body)


def _php_walk(name: str, value: bytes, end: int) -> Iterator[Part]:
    """Yield the texts of a well-formed serialized value that are not keys."""
    at = 0
    #: Per open array: its name, and the key whose value comes next, None before a key.
    opened: list[tuple[str, str | None]] = []
    pairs: list[dict[str, str]] = []
    while at < end:
        kind, start = value[at : at + 1], at
        if kind == b"}":
            opened.pop()
            pairs.pop()
            at += 1
            continue
        is_key_here = bool(opened) and opened[-1][1] is None
        parent, key = opened[-1] if opened else ("", None)
        called = name if not opened else _below(parent, key or "")
        text: bytes | None = None
        if kind in (b"a", b"O", b"C"):
            at, is_open = _php_opened(value, at, kind)
            if opened:
                opened[-1] = (parent, None)
            if is_open:
                opened.append((called, None))
                pairs.append({})
            continue
        at, text = _php_scalar(value, at, kind)
        if is_key_here:
            shown = (text or b"").rpartition(b"\0")[2]
            opened[-1] = (parent, shown.decode("utf-8", "replace"))
            continue
        if opened:
            opened[-1] = (parent, None)
        if text is not None and kind in (b"s", b"S"):
            called = _paired(parent, key or "", text, called, pairs)
            yield Part(called, start, at, text)


def _php_opened(value: bytes, at: int, kind: bytes) -> tuple[int, bool]:
    """Return (position after the head of an array or object, whether its elements follow)."""
    count = re.compile(rb"[aOC]:\+?([0-9]+):").match(value, at)
    assert count is not None
    if kind == b"a":
        return count.end() + 1, True
    behind = count.end() + int(count.group(1)) + 2
    head = re.compile(rb":\+?([0-9]+):\{").match(value, behind)
    assert head is not None
    return (head.end(), True) if kind == b"O" else (head.end() + int(head.group(1)) + 1, False)


def _php_scalar(value: bytes, at: int, kind: bytes) -> tuple[int, bytes | None]:
    """Return (position after a string, number or the like, the string or digits)."""
    if kind in (b"s", b"E"):
        head = re.compile(rb"[sE]:\+?([0-9]+):\"").match(value, at)
        assert head is not None
        end = head.end() + int(head.group(1))
        return end + 2, value[head.end() : end]
    if kind == b"S":
        head = re.compile(rb"S:\+?[0-9]+:\"").match(value, at)
        assert head is not None
        end = value.index(b'";', head.end())
        return end + 2, serialized.unescaped(value[head.end() : end])
    end = value.index(b";", at)
    return end + 1, value[at + 2 : end]


def _json_parts(name: str, value: bytes) -> list[Part] | None:
    """Return the texts of a JSON object or list, None for any other value."""
    if value.lstrip()[:1] not in (b"{", b"["):
        return None
    try:
        json.loads(value, strict=False)
    except (ValueError, RecursionError):
        return None
    return list(_json_walk(name, value))


def _json_text(body: bytes) -> bytes:
    # As PHP writes it
    return json.dumps(body.decode("utf-8", "replace")).replace("/", "\\/").encode("ascii")


def _json_walk(name: str, value: bytes) -> Iterator[Part]:
    #: Per open object or list: its name, the key whose value comes next, and whether keys are due.
    opened: list[tuple[str, str, bool]] = []
    pairs: list[dict[str, str]] = []
    for found in _JSON_TOKEN.finditer(value):
        mark, parent = found.group(2), opened[-1] if opened else ("", "", False)
        if mark in (b"{", b"["):
            called = name if not opened else _below(parent[0], parent[1])
            opened.append((called, "", mark == b"{"))
            pairs.append({})
        elif mark in (b"}", b"]"):
            opened.pop()
            pairs.pop()
        elif mark == b":":
            opened[-1] = (parent[0], parent[1], False)
        elif mark == b",":
            is_list = value[: found.start()] and opened[-1][1] == "" and not opened[-1][2]
            opened[-1] = (parent[0], "" if is_list else parent[1], not is_list)
        elif found.group(1) is not None:
            text = json.loads(b'"' + found.group(1) + b'"', strict=False)
            if opened and parent[2]:
                opened[-1] = (parent[0], text or "\x01", True)
                continue
            body = text.encode("utf-8", "surrogatepass")
            called = _paired(parent[0], parent[1], body, _below(parent[0], parent[1]), pairs)
            start = found.end() - len(found.group(1)) - 2
            yield Part(called, start, found.end(), body)


def _paired(parent: str, key: str, text: bytes, called: str, pairs: list[dict[str, str]]) -> str:
    """Return the name of a text: in `{"name": "api_key", "value": "…"}` the first names the second."""
    if not pairs:
        return called
    low = key.lower()
    if low in _PAIRED_NAMES and len(text) < 80:
        pairs[-1].setdefault("name", text.decode("utf-8", "replace"))
    elif low in _PAIRED_VALUES and "name" in pairs[-1]:
        return f"{parent}\0{pairs[-1]['name']}" if parent else pairs[-1]["name"]
    return called


def _unwrapped(value: bytes) -> bytes | None:
    """Return the structure encoded in base64, None without one."""
    coded = value.strip()
    if len(coded) % 4 or not _BASE64.fullmatch(coded):
        return None
    try:
        inner = base64.b64decode(coded, validate=True)
    except binascii.Error:
        return None
    return inner if is_structure(inner) else None
