"""Splits a stream of SQL dump bytes into statements: quotes, comments, conditional comments, DELIMITER. No I/O."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

#: Everything that can change what the next byte means, outside quotes.
_SPECIAL = rb"['\"`#]|--|/\*|\*/"
_IN_SINGLE = re.compile(rb"[^'\\]*+(?:\\.[^'\\]*+)*+", re.DOTALL)
_IN_DOUBLE = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
_IN_BACKTICK = re.compile(rb"[^`]*+")
_QUOTED = {b"'": _IN_SINGLE, b'"': _IN_DOUBLE, b"`": _IN_BACKTICK}
_BLANK = re.compile(rb"[\s\x00]*+")
#: The sandbox line of mariadb-dump looks conditional but is a client command without a delimiter: a comment to us.
_CONDITIONAL = re.compile(rb"/\*M?!(?!999999\\-)")
_SHOWN_BYTES = 300
_LOOKAHEAD_BYTES = 16
_AFTER_DASHES = (b" ", b"\t", b"\n", b"\r", b"")
_DELIMITER = re.compile(rb"delimiter[ \t]+(\S+)[^\n]*\n", re.IGNORECASE)
_DELIMITER_START = b"delimiter"


class Statement(NamedTuple):
    """One statement: `text` without its delimiter and without plain comments, at bytes `start`..`end` of the dump."""

    text: bytes
    start: int
    end: int


class _MoreNeeded(Exception):
    """The buffer ends before the next decision can be made."""


class Splitter:
    """Feed it bytes, take statements; after `finish` the attribute `open_statement` tells whether the end was cut."""

    def __init__(self) -> None:
        self.open_statement = False
        self._buffer = b""
        self._base = 0  # offset of the buffer's first byte in the dump
        self._position = 0
        self._piece = 0  # where the piece not yet taken starts
        self._start = 0
        self._ended = False
        self._delimiter = b";"
        self._tokens = self._pattern(b";")
        self._reset()

    def feed(self, data: bytes) -> Iterator[Statement]:
        """Yield the statements that `data` completes."""
        self._buffer = self._buffer[self._piece :] + data
        self._base += self._piece
        self._position -= self._piece
        self._start -= self._piece
        self._piece = 0
        yield from self._statements()

    def finish(self) -> Iterator[Statement]:
        """Yield what the end of the dump completes and set `open_statement`."""
        self._ended = True
        yield from self._statements()
        rest = b"".join([*self._pieces, self._buffer[self._piece :]])
        self.open_statement = self._quote != b"" or self._depth > 0 or bool(rest.strip(b" \t\r\n\0\x1a"))

    def opened(self) -> tuple[int, bytes]:
        """Return where the statement that was not finished begins, in bytes, and how."""
        begun = b"".join([*self._pieces, self._buffer[self._piece : self._piece + _SHOWN_BYTES]])
        return self._base + self._start, begun[:_SHOWN_BYTES].strip()

    def _reset(self) -> None:
        self._pieces: list[bytes] = []
        self._piece = self._position
        self._start = self._position
        self._blank = True  # nothing but blanks and comments so far
        self._quote = b""
        self._depth = 0  # inside a conditional comment

    @staticmethod
    def _pattern(delimiter: bytes) -> re.Pattern[bytes]:
        return re.compile(re.escape(delimiter) + b"|" + _SPECIAL)

    def _statements(self) -> Iterator[Statement]:
        while True:
            try:
                statement = self._next()
            except _MoreNeeded:
                return
            if statement is None:
                return
            yield statement

    def _next(self) -> Statement | None:
        while True:
            if self._quote:
                self._leave_quote()
                continue
            if self._blank and self._skip_blank():
                continue
            found = self._tokens.search(self._buffer, self._position)
            if found is None:
                self._position = max(self._position, len(self._buffer) - max(3, len(self._delimiter)))
                return None
            # A delimiter that begins here, or before, might not be here whole yet
            self._need(max(found.end() + _LOOKAHEAD_BYTES, found.start() + len(self._delimiter)))
            token = found.group()
            if token == self._delimiter and not (self._depth and token == b";"):
                statement = self._take(found)
                if statement is not None:
                    return statement
                continue
            self._special(token, found)

    def _take(self, found: re.Match[bytes]) -> Statement | None:
        text = b"".join([*self._pieces, self._buffer[self._piece : found.start()]]).strip()
        statement = Statement(text, self._base + self._start, self._base + found.end())
        self._position = found.end()
        self._reset()
        return statement if text else None

    def _special(self, token: bytes, found: re.Match[bytes]) -> None:
        """Act on a quote or comment sign at `found`."""
        self._position = found.end()
        if token in _QUOTED:
            self._quote = token
        elif token == b"*/":
            self._depth = 0
        elif token == b"/*" and _CONDITIONAL.match(self._buffer, found.start()):
            self._depth = 1
        elif token == b"/*":
            self._skip_comment(found.start(), b"*/")
        elif token == b"#" or (token == b"--" and self._buffer[found.end() : found.end() + 1] in _AFTER_DASHES):
            self._skip_comment(found.start(), b"\n")

    def _skip_comment(self, start: int, end: bytes) -> None:
        # Found from its own start, so that a comment cut by the buffer's end is looked at again
        place = self._buffer.find(end, start + 2 if end == b"*/" else start)
        if place < 0:
            if self._ended and end == b"\n":
                place = len(self._buffer)
            elif self._ended:
                self._quote = end  # an open comment: nothing closes it any more
                self._position = len(self._buffer)
                raise _MoreNeeded
            else:
                self._position = start
                raise _MoreNeeded
        self._pieces.append(self._buffer[self._piece : start])
        self._piece = place if end == b"\n" else place + len(end)
        self._pieces.append(b" ")
        self._position = min(self._piece, len(self._buffer))

    def _skip_blank(self) -> bool:
        """Pass blanks at a statement's start and DELIMITER lines; tell whether to look again."""
        blank = _BLANK.match(self._buffer, self._position)
        assert blank is not None
        self._position = self._piece = self._start = blank.end()
        self._pieces = []
        head = self._buffer[self._position : self._position + len(_DELIMITER_START)].lower()
        if not head and not self._ended:
            raise _MoreNeeded
        if len(head) < len(_DELIMITER_START) and _DELIMITER_START.startswith(head) and head and not self._ended:
            raise _MoreNeeded
        if head == _DELIMITER_START:
            return self._change_delimiter()
        if not self._comment_ahead():
            self._blank = False
        return False

    def _change_delimiter(self) -> bool:
        line_end = self._buffer.find(b"\n", self._position)
        if line_end < 0 and not self._ended:
            raise _MoreNeeded
        line = self._buffer[self._position : line_end + 1] if line_end >= 0 else self._buffer[self._position :] + b"\n"
        found = _DELIMITER.match(line)
        if found is None:
            self._blank = False
            return False
        self._delimiter = found.group(1)
        self._tokens = self._pattern(self._delimiter)
        self._position = min(self._position + len(line), len(self._buffer))
        self._reset()
        return True

    def _comment_ahead(self) -> bool:
        self._need(self._position + _LOOKAHEAD_BYTES)
        head = self._buffer[self._position : self._position + _LOOKAHEAD_BYTES]
        if head.startswith(b"/*"):
            return not _CONDITIONAL.match(head)
        return head.startswith(b"#") or (head.startswith(b"--") and head[2:3] in _AFTER_DASHES)

    def _leave_quote(self) -> None:
        inside = _QUOTED[self._quote].match(self._buffer, self._position) if self._quote in _QUOTED else None
        if inside is None:
            raise _MoreNeeded
        self._position = inside.end()
        if self._buffer[self._position : self._position + 1] != self._quote:
            raise _MoreNeeded
        self._position += 1
        self._quote = b""

    def _need(self, end: int) -> None:
        """Wait unless the buffer reaches to `end` or nothing more comes."""
        if end > len(self._buffer) and not self._ended:
            raise _MoreNeeded


def split(pieces: Iterable[bytes]) -> Iterator[Statement]:
    """Yield the statements of a dump given in `pieces`; its last statement may be missing its delimiter.

    Raises EOFError when the dump ends inside a statement.
    """
    splitter = Splitter()
    for piece in pieces:
        yield from splitter.feed(piece)
    yield from splitter.finish()
    if splitter.open_statement:
        raise EOFError("the dump ends inside a statement")
