"""Reads JavaScript and TypeScript: separates comments from strings, templates and regular expressions."""

from __future__ import annotations

import contextlib
import re

from controller.bundles.comments.spans import Comment, Unclear

_TOKEN = re.compile(
    rb"(?P<blank>\s+)|(?P<line>//)|(?P<block>/\*)|(?P<markup><!--|-->|\#!)"
    rb"|(?P<text>\"(?:[^\"\\\r\n]|\\(?:\r\n|.))*+\"|'(?:[^'\\\r\n]|\\(?:\r\n|.))*+')|(?P<open_text>[\"'])|(?P<tick>`)"
    rb"|(?P<slash>/)|(?P<word>[\w$\x80-\xff]+)|(?P<open>[(\[{])|(?P<close>[)\]}])|(?P<step>\+\+|--)"
    rb"|(?P<dot>\??\.)|(?P<other>.)",
    re.DOTALL,
)
_TEMPLATE = re.compile(rb"\\.|`|\$\{", re.DOTALL)
_REGEX = re.compile(rb"/(?:[^\\/\[\r\n]|\\[^\r\n]|\[(?:[^\]\\\r\n]|\\[^\r\n])*+\])++/\w*")
_LINE_END = re.compile(rb"[\r\n]|\xe2\x80[\xa8\xa9]|\Z")
#: After these an expression begins, and a slash begins a regular expression.
_OPERATORS = frozenset((
    b"return", b"typeof", b"instanceof", b"in", b"of", b"new", b"delete", b"void", b"throw", b"case", b"do", b"else",
    b"yield", b"await", b"extends", b"default",
))  # fmt: skip
#: Brackets after these hold no value.
_CONTROL = frozenset((b"if", b"while", b"for", b"with"))
VALUE, OPERATOR, EITHER = "value", "operator", "either"


def comments(data: bytes) -> list[Comment]:
    """Return the comments of a script, up to the point where reading becomes uncertain."""
    reader = _Reader(data)
    with contextlib.suppress(Unclear):
        reader.read()
    return reader.found


class _Reader:
    """Reads a script from the beginning and tracks what stands before a slash."""

    def __init__(self, data: bytes) -> None:
        self.found: list[Comment] = []
        self._data = data
        self._before = OPERATOR
        self._word = b""
        #: Per open bracket: its kind, and the kind of its end.
        self._open: list[tuple[bytes, str]] = []

    def read(self) -> None:
        """Find the comments. Raises Unclear."""
        at = 0
        while (hit := _TOKEN.match(self._data, at)) is not None:
            at, kind, word = hit.end(), hit.lastgroup, self._word
            if kind in ("line", "block"):
                at = self._comment(at, kind == "line")
                continue
            if kind == "blank":
                continue
            self._word = hit.group() if kind in ("word", "dot") else b""
            if kind == "word":
                self._before = OPERATOR if hit.group() in _OPERATORS and word not in (b".", b"?.") else VALUE
            elif kind == "text":
                self._before = VALUE
            elif kind == "tick":
                at = self._template(at)
            elif kind == "slash":
                at = self._slash(hit.start())
            elif kind == "open":
                self._open.append((hit.group(), OPERATOR if hit.group() == b"(" and word in _CONTROL else VALUE))
                self._before = OPERATOR
            elif kind == "close":
                at = self._close(hit.group(), at)
            elif kind == "step":
                self._before = VALUE if self._before == VALUE else OPERATOR
            elif kind in ("markup", "open_text"):
                at = self._odd(hit)
            else:
                self._before = OPERATOR

    def _comment(self, at: int, is_line: bool) -> int:
        if not is_line:
            end = self._data.find(b"*/", at)
            if end < 0:
                raise Unclear
            self.found.append(Comment(at, end))
            return end + 2
        ends = _LINE_END.search(self._data, at)
        end = ends.start() if ends else len(self._data)
        # "//" after a scheme: a string may have lost its quotes, or this reader has misread one
        if self._data[at - 3 : at - 2] != b":":
            self.found.append(Comment(at, end, True))
        return end

    def _template(self, at: int) -> int:
        """Return where a template string ends, or where the code in it begins. Raises Unclear."""
        hit = _TEMPLATE.search(self._data, at)
        while hit is not None and hit.group()[:1] == b"\\":
            hit = _TEMPLATE.search(self._data, hit.end())
        if hit is None:
            raise Unclear
        if hit.group() == b"`":
            self._before = VALUE
        else:
            self._open.append((b"`", VALUE))
            self._before = OPERATOR
        return hit.end()

    def _slash(self, at: int) -> int:
        """Return where a division or regular expression at `at` ends. Raises Unclear."""
        hit = _REGEX.match(self._data, at)
        if self._before == VALUE or (self._before == EITHER and hit is None):
            self._before = OPERATOR
            return at + 1
        if self._before == EITHER or hit is None:
            raise Unclear
        self._before = VALUE
        return hit.end()

    def _close(self, bracket: bytes, at: int) -> int:
        if not self._open:
            raise Unclear
        opened, then = self._open.pop()
        if (opened, bracket) not in ((b"(", b")"), (b"[", b"]"), (b"{", b"}"), (b"`", b"}")):
            raise Unclear
        if opened == b"`":
            return self._template(at)
        # After a block a statement begins, after an object an expression continues
        self._before = EITHER if bracket == b"}" else then
        return at

    def _odd(self, hit: re.Match[bytes]) -> int:
        """Return the end of a line that hides a script from old browsers, or names its interpreter. Raises Unclear."""
        line = self._data.rfind(b"\n", 0, hit.start()) + 1
        if hit.lastgroup == "open_text" or self._data[line : hit.start()].strip():
            raise Unclear
        ends = _LINE_END.search(self._data, hit.end())
        return ends.start() if ends else len(self._data)
