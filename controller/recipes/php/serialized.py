"""Scans PHP's serialized format without making objects: finds its strings and their positions."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

#: PHP's own default limit (unserialize_max_depth).
MAX_DEPTH = 4096
#: How much of a text is looked at in vain, for each of its bytes: values that are cut short nest a few deep.
_MOST_IN_VAIN = 4

_SCALAR = re.compile(
    rb"N;|b:[01];|i:[+-]?[0-9]+;|[rR]:[0-9]+;"
    rb"|d:(?:[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|-?INF|NAN);"
)
_STRING = re.compile(rb"([sS]):\+?([0-9]+):\"")
_ENUM = re.compile(rb"E:\+?([0-9]+):\"")
_ARRAY = re.compile(rb"a:\+?([0-9]+):\{")
_OBJECT = re.compile(rb"([OC]):\+?([0-9]+):\"")
_COUNT = re.compile(rb":\+?([0-9]+):\{")
_ESCAPED = re.compile(rb"\\([0-9A-Fa-f]{2})")
#: The beginning of a serialized value that can hold text, for finding one within a text.
START = re.compile(rb"(?<![A-Za-z0-9_])(?:[sSOCa]):\+?[0-9]+:[\"{]")


class Broken(ValueError):
    """The bytes are not a serialized value; `offset` is the position of the error."""

    def __init__(self, offset: int) -> None:
        super().__init__(f"not serialized at byte {offset}")
        self.offset = offset


@dataclass(frozen=True)
class Text:
    """A string of a serialized value.

    `kind` is "s", "S" (bytes may be written as \\xx) or "C" (a body in the class's own format). Kind and length stand
    between `head` and `body`, the content between `body` and `body_end`, then a quote and semicolon (C: a brace).
    `is_property` marks a property's name, `is_key` that of an array's element as well.
    """

    kind: str
    head: int
    body: int
    body_end: int
    is_property: bool
    is_key: bool = False


def is_start(data: bytes) -> bool:
    """Return whether `data` begins like a serialized value that can hold text."""
    return START.match(data) is not None


def scan(data: bytes, start: int = 0) -> tuple[list[Text], int]:
    """Return (strings in order, end) of the one value that begins at `start`. Raises Broken."""
    scanner = _Scanner(data, start)
    return scanner.texts, scanner.run()


def embedded(data: bytes, gives_up: Callable[[], object] = lambda: None) -> Iterator[tuple[int, list[Text], int]]:
    """Yield (start, strings in order, end) of each value in a text, from left to right.

    `gives_up` is called for a text in which values begin all the time and never end: what follows is none then.
    """
    taken = in_vain = 0
    for found in START.finditer(data):
        if found.start() < taken:
            continue
        scanner = _Scanner(data, found.start())
        try:
            taken = scanner.run()
        except Broken:
            in_vain += scanner.steps
            if in_vain > _MOST_IN_VAIN * len(data):
                gives_up()
                return
            continue
        yield found.start(), scanner.texts, taken


def unescaped(body: bytes) -> bytes:
    """Return the decoded body of an `S` string."""
    return _ESCAPED.sub(lambda found: bytes([int(found.group(1), 16)]), body)


class _Scanner:
    """Walks one value with an explicit stack, so that depth needs no recursion."""

    def __init__(self, data: bytes, start: int) -> None:
        self._data = data
        self._at = start
        self.texts: list[Text] = []
        #: Values that were looked at, and bytes that may be escaped.
        self.steps = 0
        #: Per open array or object: [values and keys still to come, whether it is an object].
        self._open: list[list[int]] = []

    def run(self) -> int:
        self._value(False)
        while self._open:
            left, is_object = self._open[-1]
            if not left:
                self._expect(b"}")
                self._open.pop()
                continue
            self._open[-1][0] -= 1
            if left % 2 == 0:
                self._key(bool(is_object))
            else:
                self._value(False)
        return self._at

    def _value(self, is_property: bool) -> None:
        self.steps += 1
        scalar = _SCALAR.match(self._data, self._at)
        if scalar:
            self._at = scalar.end()
            return
        kind = self._data[self._at : self._at + 1]
        if kind in (b"s", b"S"):
            self._string(is_property)
        elif kind == b"a":
            self._enter(self._match(_ARRAY), is_object=False)
        elif kind in (b"O", b"C"):
            self._object()
        elif kind == b"E":
            self._name(_ENUM)
            self._expect(b";")
        else:
            raise Broken(self._at)

    def _key(self, is_property: bool) -> None:
        # Only numbers and strings are keys
        if self._data[self._at : self._at + 1] not in (b"i", b"s", b"S"):
            raise Broken(self._at)
        found = len(self.texts)
        self._value(is_property)
        self.texts[found:] = [replace(text, is_key=True) for text in self.texts[found:]]

    def _string(self, is_property: bool) -> None:
        head = self._match(_STRING)
        kind, length = head.group(1).decode("ascii"), int(head.group(2))
        end = self._at + length if kind == "s" else self._escaped_end(length)
        self._close(end, b'";')
        self.texts.append(Text(kind, head.start(), head.end(), end, is_property))

    def _escaped_end(self, length: int) -> int:
        end = self._at
        for _ in range(length):
            self.steps += 1
            if end >= len(self._data):
                raise Broken(end)
            if self._data[end : end + 1] == b"\\":
                if not _ESCAPED.match(self._data, end):
                    raise Broken(end)
                end += 3
            else:
                end += 1
        return end

    def _object(self) -> None:
        kind = self._name(_OBJECT).group(1)
        # The digits and the brace after the class name
        if kind == b"O":
            self._enter(self._match(_COUNT), is_object=True)
            return
        head = self._match(_COUNT)
        end = self._at + int(head.group(1))
        body = self._at
        self._close(end, b"}")
        self.texts.append(Text("C", head.start(), body, end, False))

    def _name(self, pattern: re.Pattern[bytes]) -> re.Match[bytes]:
        """Skip a class name in quotes; its content is not used."""
        head = self._match(pattern)
        self._close(self._at + int(head.group(head.lastindex or 1)), b'"')
        return head

    def _enter(self, head: re.Match[bytes], is_object: bool) -> None:
        count = int(head.group(1))
        # Each element takes at least four bytes: a greater count is false
        if count * 4 > len(self._data) or len(self._open) >= MAX_DEPTH:
            raise Broken(head.start())
        self._open.append([2 * count, int(is_object)])

    def _match(self, pattern: re.Pattern[bytes]) -> re.Match[bytes]:
        found = pattern.match(self._data, self._at)
        if not found or len(found.group(0)) > 32:
            raise Broken(self._at)
        self._at = found.end()
        return found

    def _close(self, end: int, mark: bytes) -> None:
        if self._data[end : end + len(mark)] != mark or end > len(self._data):
            raise Broken(end)
        self._at = end + len(mark)

    def _expect(self, mark: bytes) -> None:
        if self._data[self._at : self._at + len(mark)] != mark:
            raise Broken(self._at)
        self._at += len(mark)
