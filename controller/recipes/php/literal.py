"""Reads PHP literals (arrays, strings, numbers) from configuration files without running them; also writes them."""

from __future__ import annotations

import re
from collections.abc import Callable, Container
from typing import Any

from shared.errors import ShoplaunchError

#: The values of a configuration file: bytes for strings, dicts for arrays (PHP's own numbering for lists).
Literal = Any

_SKIP = re.compile(rb"(?:\s+|//[^\n]*|#(?!\[)[^\n]*|/\*.*?\*/)+", re.DOTALL)
_NOTHING = re.compile(rb"(?:\s+|//[^\n]*+|#(?!\[)[^\n]*+|/\*.*?\*/)*+(?:\?>\s*)?", re.DOTALL)
_SINGLE = re.compile(rb"'((?:[^'\\]|\\.)*)'", re.DOTALL)
_DOUBLE = re.compile(rb'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_NUMBER = re.compile(rb"[+-]?(?:[0-9]+\.[0-9]*(?:[eE][+-]?[0-9]+)?|[0-9]+)")
_WORD = re.compile(rb"[A-Za-z_\\][A-Za-z0-9_\\]*")
_OPEN = re.compile(rb"<\?php\b")
_STATEMENTS_BEFORE = re.compile(
    rb"(?:declare\s*\(\s*strict_types\s*=\s*[01]\s*\)\s*;|if\s*\([^;{]*\)\s*(?:exit|die)\s*;)"
)
_UNLESS_DEFINED = re.compile(rb"if\s*\(\s*!\s*defined\s*\([^()]*\)\s*\)", re.IGNORECASE)
_DEFINE = re.compile(rb"define(?=\s*\()", re.IGNORECASE)
_END = re.compile(rb"\Z")
_BRACES = re.compile(rb"[{};]|\?>\s*\Z")
_NAMED = rb"(?:'[^'\\]*'|\"[^\"\\$]*\")"
_ENVIRONMENT = re.compile(
    rb"\\?getenv\s*\(\s*" + _NAMED + rb"\s*(?:,\s*(?:true|false)\s*)?\)|\$_(?:ENV|SERVER)\s*\[\s*" + _NAMED + rb"\s*\]",
    re.IGNORECASE,
)
#: Functions of container images and frameworks that take the default as their second argument.
_ENVIRONMENT_OR = re.compile(rb"\\?(?:getenv_docker|env)\s*\(\s*" + _NAMED + rb"\s*(?=[,)])", re.IGNORECASE)
_ELSE = re.compile(rb"\?:|\?\?")
_DOUBLE_ESCAPES = {
    b"n": b"\n",
    b"t": b"\t",
    b"r": b"\r",
    b"\\": b"\\",
    b'"': b'"',
    b"$": b"$",
    b"v": b"\v",
    b"e": b"\x1b",
}
_MAX_DEPTH = 64
#: More digits than a PHP number keeps.
_MOST_DIGITS = 400


def read_returned(data: bytes, shown: str, elsewhere: Container[bytes] = frozenset()) -> Literal:
    """Return the value that a file of the form `<?php return <literal>;` returns.

    For the keys `elsewhere` a value from the environment (`getenv('X') ?: 'y'`) gives its default, or None.
    Raises ShoplaunchError `config_unreadable`, naming the line, for anything that would have to be run.
    """
    reader = _opened(data, shown)
    reader.elsewhere = elsewhere
    while reader.takes(_STATEMENTS_BEFORE):
        continue
    if reader.word() != b"return":
        raise reader.problem("it does not begin by returning an array")
    return reader.value(0)


def read_defines(data: bytes, shown: str, elsewhere: Container[bytes] = frozenset()) -> dict[str, Literal]:
    """Return the constants of a file that only defines constants; the first definition of a name counts, as in PHP.

    For the constants `elsewhere` a value from the environment gives its default, or None.
    Raises ShoplaunchError `config_unreadable`, naming the line, for anything that would have to be run.
    """
    reader = _opened(data, shown)
    reader.elsewhere = elsewhere
    found: dict[str, Literal] = {}
    while not reader.ends():
        if reader.takes(_BRACES) or reader.takes(_STATEMENTS_BEFORE) or reader.takes(_UNLESS_DEFINED):
            continue
        if not reader.takes(_DEFINE):
            raise reader.problem("only define() with a plain value is understood here")
        name, value = reader.arguments()
        found.setdefault(name, value)
    return found


def is_blank(data: bytes) -> bool:
    """Return whether a PHP file holds nothing but its opening, comments and blanks."""
    plain = data.removeprefix(b"\xef\xbb\xbf").lstrip()
    found = _OPEN.match(plain)
    return not plain or (found is not None and _NOTHING.fullmatch(plain, found.end()) is not None)


def _opened(data: bytes, shown: str) -> _Reader:
    reader = _Reader(data, shown)
    if _OPEN.match(data.removeprefix(b"\xef\xbb\xbf").lstrip()) is None:
        raise reader.problem("it does not begin with <?php")
    reader.at = data.index(b"<?php") + len(b"<?php")
    return reader


def read_value(data: bytes, shown: str) -> Literal:
    """Return the value of `data`, the source of one expression. Raises ShoplaunchError `config_unreadable`."""
    return _whole(_Reader(data, shown), _Reader.value)


def read_environment(data: bytes, shown: str) -> Literal:
    """Return the default of an expression that reads the environment, None without one.

    Raises ShoplaunchError `config_unreadable` for any other expression that would have to be run.
    """
    return _whole(_Reader(data, shown), _Reader.of_environment)


def _whole(reader: _Reader, read: Callable[[_Reader, int], Literal]) -> Literal:
    value = read(reader, 0)
    if not reader.ends():
        raise reader.problem("more than a value")
    return value


def write(value: Literal) -> bytes:
    """Return a literal as PHP source; strings in single quotes."""
    if value is None:
        return b"NULL"
    if isinstance(value, bool):
        return b"true" if value else b"false"
    if isinstance(value, bytes):
        return b"'" + value.replace(b"\\", b"\\\\").replace(b"'", b"\\'") + b"'"
    if isinstance(value, dict):
        inside = b"".join(b"  " + write(key) + b" => " + write(item) + b",\n" for key, item in value.items())
        return b"array (\n" + inside + b")"
    return str(value).encode("ascii")


class _Reader:
    def __init__(self, data: bytes, shown: str) -> None:
        self._data = data
        self._shown = shown
        #: Keys whose values may come from the environment.
        self.elsewhere: Container[bytes] = frozenset()
        self.at = 0

    def problem(self, what: str) -> ShoplaunchError:
        line = self._data.count(b"\n", 0, self.at) + 1
        return ShoplaunchError("config_unreadable", f"{self._shown} line {line}: {what}")

    def takes(self, pattern: re.Pattern[bytes]) -> re.Match[bytes] | None:
        skipped = _SKIP.match(self._data, self.at)
        if skipped:
            self.at = skipped.end()
        found = pattern.match(self._data, self.at)
        if found:
            self.at = found.end()
        return found

    def word(self) -> bytes:
        found = self.takes(_WORD)
        return found.group().lower() if found else b""

    def _mark(self, mark: bytes) -> bool:
        return self.takes(re.compile(re.escape(mark))) is not None

    def ends(self) -> bool:
        """Return whether only whitespace and comments follow."""
        return self.takes(_END) is not None

    def arguments(self) -> tuple[str, Literal]:
        """Return the name and value of a define() whose opening parenthesis is next."""
        items = self._array(b")", 0) if self._mark(b"(") else {}
        name = items.get(0)
        if not isinstance(name, bytes) or 1 not in items:
            raise self.problem("define() needs a name and a value")
        return name.decode("utf-8", "replace"), items[1]

    def value(self, depth: int) -> Literal:
        """Return the literal here; strings joined by dots are one."""
        value = self._single(depth)
        while self._mark(b"."):
            more = self._single(depth)
            if not isinstance(value, bytes) or not isinstance(more, bytes):
                raise self.problem("only strings can be joined")
            value += more
        return value

    def _single(self, depth: int) -> Literal:
        if depth > _MAX_DEPTH:
            raise self.problem("arrays are nested without end")
        found = self.takes(_SINGLE)
        if found:
            return re.sub(rb"\\([\\'])", rb"\1", found.group(1))
        found = self.takes(_DOUBLE)
        if found:
            return self._double(found.group(1))
        if self._mark(b"["):
            return self._array(b"]", depth)
        found = self.takes(_NUMBER)
        if found:
            if len(found.group()) > _MOST_DIGITS:
                raise self.problem(f"a number of {len(found.group())} digits")
            return float(found.group()) if b"." in found.group() else int(found.group())
        word = self.word()
        if word == b"array" and self._mark(b"("):
            return self._array(b")", depth)
        if word in (b"null", b"true", b"false"):
            return {b"null": None, b"true": True, b"false": False}[word]
        shown = word.decode("ascii") or self._data[self.at : self.at + 12].decode("utf-8", "replace")
        raise self.problem(f"{shown!r} would have to be run to know its value; write the value itself there")

    def of_environment(self, depth: int) -> Literal:
        """Return a value, or the default of an expression that reads the environment."""
        while True:
            if self.takes(_ENVIRONMENT_OR):
                default = self._array(b")", depth).get(0) if self._mark(b",") or not self._mark(b")") else None
            elif self.takes(_ENVIRONMENT):
                default = None
            else:
                return self.value(depth)
            if not self.takes(_ELSE):
                return default

    def _double(self, body: bytes) -> bytes:
        if re.search(rb"(?<!\\)(?:\\\\)*\$[A-Za-z_{]|\{\$", body):
            raise self.problem("a variable inside a string")
        return re.sub(rb"\\(.)", lambda hit: _DOUBLE_ESCAPES.get(hit.group(1), hit.group()), body, flags=re.DOTALL)

    def _array(self, closing: bytes, depth: int) -> Literal:
        items: dict[Any, Literal] = {}
        number = 0
        while not self._mark(closing):
            # The constant's name comes before its value
            named = closing == b")" and number == 1 and isinstance(items[0], bytes) and items[0] in self.elsewhere
            value = self.of_environment(depth + 1) if named else self.value(depth + 1)
            if self._mark(b"=>"):
                key = value
                if not isinstance(key, bytes | int):
                    raise self.problem("a key is neither text nor number")
                items[key] = self.of_environment(depth + 1) if key in self.elsewhere else self.value(depth + 1)
                number = max(number, key + 1) if isinstance(key, int) else number
            else:
                items[number] = value
                number += 1
            if not self._mark(b","):
                if not self._mark(closing):
                    raise self.problem("an array has no end here")
                break
        return items
