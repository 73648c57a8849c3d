"""Reads the database of backups of format 1, one JSON document of any size, a row at a time."""

from __future__ import annotations

import codecs
import itertools
import json
import re
from collections.abc import Iterator
from typing import IO

_READ_BYTES = 256 * 1024
#: What is kept of the values before the tables: of others there may be any number.
_HEAD = ("format", "revision")
_SPACE = " \t\r\n"
#: No value is longer, a row included.
_MAX_VALUE = 64 * 1024 * 1024
#: A longer one is searched for what it holds before it is parsed: JSON may take 25 times its length in memory.
_LONG_VALUE = 1024 * 1024
_MAX_TABLES = 1000
_SCALARS = r'(?:[^",\[\]{}]++|"[^"\\]*+(?:\\.[^"\\]*+)*+")*+'
#: A row, as far as it is one of texts and numbers, and of no more than a table has columns.
_ROW = re.compile(r"\{" + _SCALARS + "(?:," + _SCALARS + "){0,1000}+", re.DOTALL)


def read(stream: IO[bytes]) -> tuple[str, Iterator[tuple[str, dict[str, object] | None]]]:
    """Return (revision, rows): each is (table, row), and (table, None) comes once before the rows of a table.

    Raises ValueError for any other document, here or while rows are read.
    """
    text = _Text(stream)
    text.expect("{")
    head: dict[str, object] = {}
    while True:
        name = str(text.value())
        text.expect(":")
        if name == "tables":
            break
        value = text.value()
        if name in _HEAD:
            head[name] = value
        text.expect(",")
    revision = head.get("revision")
    if head.get("format") != 1 or not isinstance(revision, str):
        raise ValueError("neither format nor revision")
    return revision, _tables(text)


def _tables(text: _Text) -> Iterator[tuple[str, dict[str, object] | None]]:
    text.expect("{")
    for number in itertools.count():
        if number == _MAX_TABLES:
            raise ValueError("tables without end")
        table = str(text.value())
        text.expect(":")
        yield table, None
        for row in text.values():
            yield table, row
        if text.expect(",}") == "}":
            break
    text.expect("}")
    text.end()


class _Text:
    """Text that is read in pieces and parsed one JSON value after another."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._json = json.JSONDecoder()
        self._text, self._place, self._ended = "", 0, False

    def _more(self) -> None:
        if len(self._text) - self._place > _MAX_VALUE:
            raise ValueError("a value without end")
        # Double the buffer: a value of any size is parsed only a few times
        data = self._stream.read(max(_READ_BYTES, len(self._text) - self._place))
        self._ended = not data
        self._text = self._text[self._place :] + self._decoder.decode(data, final=self._ended)
        self._place = 0

    def _skip_space(self) -> None:
        while True:
            while self._place < len(self._text) and self._text[self._place] in _SPACE:
                self._place += 1
            if self._place < len(self._text) or self._ended:
                return
            self._more()

    def expect(self, marks: str) -> str:
        """Consume one of these characters and return it. Raises ValueError for another one."""
        self._skip_space()
        found = self._text[self._place : self._place + 1]
        if not found or found not in marks:
            raise ValueError(f"one of {marks!r} is missing")
        self._place += 1
        return found

    def value(self) -> object:
        """Consume a value and return it. Raises ValueError."""
        self._skip_space()
        while True:
            self._require_few()
            try:
                value, end = self._json.raw_decode(self._text, self._place)
            except ValueError:
                if self._ended:
                    raise
            else:
                # A number may continue in the next piece
                if end < len(self._text) or self._ended:
                    self._place = end
                    return value
            self._more()

    def _require_few(self) -> None:
        """Raise ValueError where a long value, as far as it was read, is a list or an object that is no row."""
        if len(self._text) - self._place <= _LONG_VALUE or self._text[self._place] not in "{[":
            return
        row = _ROW.match(self._text, self._place)
        # A text, or the row, may go on in the next piece
        if row is None or self._text[row.end() : row.end() + 1] not in ("", '"', "}"):
            raise ValueError("a value that is no row")

    def values(self) -> Iterator[dict[str, object]]:
        """Consume a list of objects and yield each. Raises ValueError."""
        self.expect("[")
        self._skip_space()
        if self._text[self._place : self._place + 1] == "]":
            self.expect("]")
            return
        while True:
            value = self.value()
            if not isinstance(value, dict):
                raise ValueError("a row is no object")
            yield value
            if self.expect(",]") == "]":
                return

    def end(self) -> None:
        """Raise ValueError when there is text left."""
        self._skip_space()
        if self._place < len(self._text):
            raise ValueError("something follows the document")
