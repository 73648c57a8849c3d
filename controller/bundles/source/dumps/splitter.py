"""Splits a stream of SQL dump bytes into statements without comments; opens conditional comments. No I/O."""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

#: Every token that can change the meaning of the next bytes, outside quotes.
_SPECIAL = rb"['\"`#]|--|/\*|\*/"
_IN_SINGLE = re.compile(rb"[^'\\]*+(?:\\.[^'\\]*+)*+", re.DOTALL)
_IN_DOUBLE = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
_IN_BACKTICK = re.compile(rb"[^`]*+")
_QUOTED = {b"'": _IN_SINGLE, b'"': _IN_DOUBLE, b"`": _IN_BACKTICK}
_BLANK = re.compile(rb"[\s\x00]*+")
#: What may not follow the last statement: anything but blanks and old editors' mark of the end.
_NO_END = re.compile(rb"[^ \t\r\n\0\x1a]")
_CONDITIONAL = re.compile(rb"/\*(M?)!([0-9]{5,6})?")
_SHOWN_BYTES = 300
#: What is kept of a comment that was removed: two numbers, and room for more of them.
_CUT_BYTES = 32
_LOOKAHEAD_BYTES = 16
#: The client keeps fifteen bytes of a delimiter; the rest of its line is a comment.
_MAX_DELIMITER_BYTES, _MAX_DELIMITER_LINE = 255, 4096
#: What must follow two dashes to begin a comment: blanks and control characters, as on servers, or the end.
_AFTER_DASHES = (*(bytes([code]) for code in (*range(0x21), 0x7F)), b"")
#: MySQL's versions from 5.7 on: MariaDB does not run conditional comments for them.
_MYSQLS_OWN = range(50700, 100000)
_DELIMITER = re.compile(rb"delimiter[ \t]+(\S+)[^\n]*\n", re.IGNORECASE)
_DELIMITER_START = b"delimiter"
#: Bytes that stand in no statement.
_NO_DELIMITER = b"\x01the-end\x01"


class Server(NamedTuple):
    """The server a dump is for: `version` 11.8.3 is 110803. It decides which conditional comments are executed."""

    is_mariadb: bool = True
    version: int = 110803

    def opens(self, for_mariadb: bool, version: int) -> bool:
        """Return whether the server runs the content of `/*!version … */`, or of `/*M!version … */` `for_mariadb`."""
        if not self.is_mariadb:
            return not for_mariadb and version <= self.version
        return version <= self.version and (for_mariadb or version not in _MYSQLS_OWN)


class Statement(NamedTuple):
    """One statement at bytes `start`..`end` of the dump: `text` without its delimiter and without any comment.

    `cuts` are a place in `text` and its byte of the dump, in turn, after each removed comment: one may have millions.
    """

    text: bytes
    start: int
    end: int
    cuts: Sequence[int] = ()

    def byte_of(self, place: int) -> int:
        """Return the byte of the dump that corresponds to `text[place]`."""
        last = bisect_right(self.cuts[::2], place)
        before, byte = self.cuts[2 * last - 2 : 2 * last] if last else (0, self.start)
        return byte + place - before


class _MoreNeeded(Exception):
    """The buffer ends before the next decision can be made."""


class Splitter:
    """Feed it bytes, take statements; after `finish`, `open_statement` says whether the last one was incomplete."""

    def __init__(self, server: Server = Server()) -> None:  # noqa: B008 - it never changes
        self.open_statement = False
        self._server = server
        # Grows and shrinks in place: a statement of any size is copied once, not once for each piece of it
        self._buffer = bytearray()
        self._base = 0  # offset of the buffer's first byte in the dump
        self._position = 0
        self._piece = 0  # where the piece not yet taken starts
        self._start = 0
        self._sought = 0  # up to here no end of the open comment was found
        self._ended = False
        self._delimiter = b";"
        self._tokens, self._run = self._patterns(b";")
        self._reset()

    def feed(self, data: bytes) -> Iterator[Statement]:
        """Yield the statements that `data` completes."""
        del self._buffer[: self._piece]
        self._buffer += data
        self._base += self._piece
        self._position -= self._piece
        self._start -= self._piece
        self._sought = max(0, self._sought - self._piece)
        self._piece = 0
        yield from self._statements()

    def finish(self) -> Iterator[Statement]:
        """Yield the statements that the end of the dump completes, and set `open_statement`."""
        self._ended = True
        yield from self._statements()
        has_more = _NO_END.search(self._text) or _NO_END.search(self._buffer, self._piece)
        self.open_statement = self._quote != b"" or self._depth > 0 or has_more is not None

    def held(self) -> int:
        """Return the bytes of an unfinished statement in memory, with what its comments take there."""
        return len(self._text) + len(self._buffer) - self._piece + _CUT_BYTES * (len(self._cuts) // 2)

    def opened(self) -> tuple[int, bytes]:
        """Return where the unfinished statement begins, in bytes, and its first bytes."""
        begun = bytes(self._text[:_SHOWN_BYTES] + self._buffer[self._piece : self._piece + _SHOWN_BYTES])
        return self._base + self._start, begun[:_SHOWN_BYTES].strip()

    def _reset(self) -> None:
        self._text = bytearray()  # what was taken of the statement, without comments
        self._cuts: array[int] = array("q")
        self._piece = self._position
        self._start = self._position
        self._blank = True  # nothing but blanks and comments so far
        self._quote = b""
        self._depth = 0  # inside a conditional comment

    @staticmethod
    def _patterns(delimiter: bytes) -> tuple[re.Pattern[bytes], re.Pattern[bytes]]:
        """Return (pattern of tokens with a meaning outside quotes, pattern of text without one, skipped at once)."""
        first = re.escape(delimiter[:1])
        strings = b"".join(
            b"|%b%b%b" % (mark, inside.pattern, mark) for mark, inside in _QUOTED.items() if mark != delimiter[:1]
        )
        run = rb"(?:[^'\"`#/*%b-]++%b)*+" % (first, strings)
        return re.compile(re.escape(delimiter) + b"|" + _SPECIAL), re.compile(run, re.DOTALL)

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
            run = self._run.match(self._buffer, self._position)
            assert run is not None
            self._position = run.end()
            found = self._tokens.search(self._buffer, self._position)
            if found is None:
                self._position = max(self._position, len(self._buffer) - max(3, len(self._delimiter)))
                return None
            # A delimiter that begins here, or before, may not be complete yet
            self._need(max(found.end() + _LOOKAHEAD_BYTES, found.start() + len(self._delimiter)))
            token = found.group()
            if token == self._delimiter and not (self._depth and token == b";"):
                statement = self._take(found)
                if statement is not None:
                    return statement
                continue
            self._special(token, found)

    def _take(self, found: re.Match[bytes]) -> Statement | None:
        with memoryview(self._buffer) as buffer, buffer[self._piece : found.start()] as last:
            # Without comments, as nearly all are, it is copied once
            whole = b"".join([self._text, last]) if self._text else bytes(last)
        text, first, cuts = whole.strip(), len(whole) - len(whole.lstrip()), self._cuts
        for place in range(0, len(cuts) if first else 0, 2):
            cuts[place] -= first
        statement = Statement(text, self._base + self._start, self._base + found.end(), cuts)
        self._position = found.end()
        self._reset()
        return statement if text else None

    def _special(self, token: bytes, found: re.Match[bytes]) -> None:
        """Process a quote or comment sign at `found`."""
        self._position = found.end()
        if token in _QUOTED:
            self._quote = token
        elif token == b"*/" and self._depth:
            self._depth = 0
            self._cut(found.start(), found.end())
        elif token == b"/*" and (mark := self._opened(found.start())):
            self._depth = 1
            self._cut(mark.start(), mark.end())
            self._position = mark.end()
        elif token == b"/*":
            self._skip_comment(found.start(), b"*/")
        elif token == b"#" or (token == b"--" and self._buffer[found.end() : found.end() + 1] in _AFTER_DASHES):
            self._skip_comment(found.start(), b"\n")

    def _skip_comment(self, start: int, end: bytes) -> None:
        place = self._buffer.find(end, max(self._sought, start + 2 if end == b"*/" else start))
        # Where the buffer's end cuts the comment, its mark may be cut as well
        self._sought = len(self._buffer) - 1 if place < 0 else 0
        if place < 0:
            if self._ended and end == b"\n":
                place = len(self._buffer)
            elif self._ended:
                self._quote = end  # an open comment: nothing closes it
                self._position = len(self._buffer)
                raise _MoreNeeded
            else:
                self._position = start
                raise _MoreNeeded
        self._cut(start, place if end == b"\n" else place + len(end))
        self._position = min(self._piece, len(self._buffer))

    def _cut(self, start: int, end: int) -> None:
        """Replace `start`..`end` of the buffer by a blank."""
        with memoryview(self._buffer) as buffer, buffer[self._piece : start] as before:
            self._text += before
        self._text += b" "
        self._cuts.append(len(self._text))
        self._cuts.append(self._base + end)
        self._piece = end

    def _opened(self, start: int) -> re.Match[bytes] | None:
        """Return the opening of a conditional comment that the server runs, None where there is none."""
        mark = _CONDITIONAL.match(self._buffer, start)
        runs = mark is not None and self._server.opens(bool(mark.group(1)), int(mark.group(2) or 0))
        return mark if runs else None

    def _skip_blank(self) -> bool:
        """Skip blanks at a statement's start and DELIMITER lines; return whether to try again."""
        blank = _BLANK.match(self._buffer, self._position)
        assert blank is not None
        self._position = self._piece = self._start = blank.end()
        self._text, self._cuts = bytearray(), array("q")
        head = bytes(self._buffer[self._position : self._position + len(_DELIMITER_START)]).lower()
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
        most = self._position + _MAX_DELIMITER_LINE
        line_end = self._buffer.find(b"\n", self._position, most)
        if line_end < 0 and len(self._buffer) < most and not self._ended:
            raise _MoreNeeded
        line = self._buffer[self._position : line_end + 1 if line_end >= 0 else most]
        found = _DELIMITER.match(line if line_end >= 0 or len(self._buffer) >= most else line + b"\n")
        if found is None or len(found.group(1)) > _MAX_DELIMITER_BYTES:
            self._blank = False
            return False
        self._delimiter = found.group(1)
        self._tokens, self._run = self._patterns(self._delimiter)
        self._position = min(self._position + len(line), len(self._buffer))
        self._reset()
        return True

    def _comment_ahead(self) -> bool:
        self._need(self._position + _LOOKAHEAD_BYTES)
        head = self._buffer[self._position : self._position + _LOOKAHEAD_BYTES]
        if head.startswith(b"/*"):
            return self._opened(self._position) is None
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
        """Raise _MoreNeeded unless the buffer reaches to `end` or the input has ended."""
        if end > len(self._buffer) and not self._ended:
            raise _MoreNeeded


def without_comments(text: bytes, server: Server) -> bytes:
    """Return one statement, of any kind, without comments. Raises EOFError if it has no end."""
    splitter = Splitter(server)
    found = [*splitter.feed(b"DELIMITER %b\n%b%b" % (_NO_DELIMITER, text, _NO_DELIMITER)), *splitter.finish()]
    if len(found) != 1 or splitter.open_statement:
        raise EOFError("the statement ends inside of a quote or comment")
    return found[0].text


def split(pieces: Iterable[bytes]) -> Iterator[Statement]:
    """Yield the statements of a dump given in `pieces`; the last statement may lack its delimiter.

    Raises EOFError when the dump ends inside a statement.
    """
    splitter = Splitter()
    for piece in pieces:
        yield from splitter.feed(piece)
    yield from splitter.finish()
    if splitter.open_statement:
        raise EOFError("the dump ends inside a statement")
