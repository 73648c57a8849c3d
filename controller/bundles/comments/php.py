"""Reads PHP: the comments of its code, and of the page around the code."""

from __future__ import annotations

import re

from controller.bundles.comments import markup
from controller.bundles.comments.spans import Comment, Unclear

#: An XML declaration is no code, whatever the setting for short tags.
_OPEN = re.compile(rb"<\?(?:php(?![\w\x80-\xff])|=|(?!xml))", re.IGNORECASE)
_SHORT = b"<?"
_CODE = re.compile(
    rb"(?P<close>\?>)|(?P<line>//|#(?!\[))|(?P<attribute>#\[)|(?P<block>/\*)|(?P<single>')|(?P<text>[\"`])"
    rb"|(?P<here><<<[ \t]*(?P<quote>[\"']?)(?P<label>[A-Za-z_\x80-\xff][\w\x80-\xff]*)(?P=quote)[ \t]*(?:\r\n|\n|\r))"
    rb"|(?P<brace>[{}])|(?P<halt>(?<![\w$>])__halt_compiler\b)",
    re.IGNORECASE,
)
_SINGLE = re.compile(rb"'(?:[^'\\]|\\.)*+'", re.DOTALL)
_LINE_END = re.compile(rb"[\r\n]|\?>|\Z")
_INSIDE = rb"(?P<escape>\\.)|(?P<code>\{\$|\$\{)|(?P<end>"
_TEXTS = {mark: re.compile(_INSIDE + mark + rb")", re.DOTALL) for mark in (b'"', b"`")}
_DEEPEST = 20
#: Code that keeps visitors out of a file whose comment is its content, and the marks of comments.
_GUARD = re.compile(
    rb"(?:\s|<\?(?:php|=)?|\?>|/\*|\*/|//|#|\b(?:exit|die|return(?=\s*;)|if|or|and|defined|header)\b|[();!|&{},]|[0-9]"
    rb"|'[^']*'|\"[^\"]*\")*+",
    re.IGNORECASE,
)
_ELEMENT = re.compile(rb"<[A-Za-z]")


def comments(data: bytes) -> list[Comment]:
    """Return the comments of a PHP file as far as they are certain; none when the file holds nothing else."""
    reader = _Reader(data)
    found = reader.read()
    page = reader.page()
    if _ELEMENT.search(page) is None and _GUARD.fullmatch(reader.code()):
        return []
    return sorted([*found, *markup.page_comments(page)])


def comments_of_code(data: bytes) -> list[Comment]:
    """Return the comments of the code alone, also when the file holds nothing else."""
    return _Reader(data).read()


class _Reader:
    """Reads one file from the beginning; code within strings is read as code."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._all: list[Comment] = []
        self._islands: list[tuple[int, int]] = []

    def read(self) -> list[Comment]:
        """Return the comments of the code."""
        comments: list[Comment] = []
        at, is_clear = 0, True
        while is_clear and (opened := _OPEN.search(self._data, at)) is not None:
            before, at = len(self._all), len(self._data)
            try:
                at = self._code(opened.end(), 0)
            except Unclear:
                is_clear = False
            self._islands.append((opened.start(), at))
            # Whether a short tag begins code depends on the server
            comments += self._all[before:] if opened.group() != _SHORT else []
        return comments

    def page(self) -> bytes:
        """Return the file with NULs in place of its code, whose output may be anything."""
        parts, last = [], 0
        for start, end in self._islands:
            parts += [self._data[last:start], bytes(end - start)]
            last = end
        return b"".join(parts) + self._data[last:]

    def code(self) -> bytes:
        """Return the code with its comments blanked."""
        parts = []
        for start, end in self._islands:
            last = start
            for comment in self._all:
                if start <= comment.start < end:
                    parts.append(self._data[last : comment.start])
                    last = comment.end
            parts.append(self._data[last:end])
        return b"".join(parts)

    def _code(self, at: int, depth: int) -> int:
        """Read code from `at` and return where it ends; within a string, after its closing brace. Raises Unclear."""
        braces = 0
        while (hit := _CODE.search(self._data, at)) is not None:
            kind, at = hit.lastgroup, hit.end()
            if kind == "close":
                if depth:
                    raise Unclear
                return at
            if kind == "brace":
                braces += 1 if hit.group() == b"{" else -1
                if depth and braces < 0:
                    return at
            else:
                at = self._behind(hit, depth)
        if depth:
            raise Unclear
        return len(self._data)

    def _behind(self, hit: re.Match[bytes], depth: int) -> int:
        """Return the end of the construct that `hit` begins. Raises Unclear."""
        kind, at = hit.lastgroup, hit.end()
        if kind == "line":
            end = _found(_LINE_END, self._data, at).start()
            self._all.append(Comment(at, end, True))
            return end
        if kind == "block":
            end = self._data.find(b"*/", at)
            if end < 0:
                raise Unclear
            self._all.append(Comment(at, end))
            return end + 2
        if kind == "single":
            return _found(_SINGLE, self._data, hit.start(), anchored=True).end()
        if kind == "text":
            return self._text(_TEXTS[hit.group()], at, depth)
        if kind == "here":
            label = re.escape(hit["label"])
            if hit["quote"] == b"'":
                return _found(re.compile(rb"^[ \t]*" + label + rb"(?![\w\x80-\xff])", re.M), self._data, at).end()
            ends = rb"(?<=[\r\n])[ \t]*" + label + rb"(?![\w\x80-\xff]))"
            return self._text(re.compile(_INSIDE + ends, re.DOTALL), at, depth)
        if kind == "attribute":
            # Before PHP 8 this was a comment: its quotes must not matter
            line = self._data[at : _found(_LINE_END, self._data, at).start()]
            if line.count(b"'") % 2 or line.count(b'"') % 2:
                raise Unclear
            return at
        # After __halt_compiler there is no code
        raise Unclear

    def _text(self, token: re.Pattern[bytes], at: int, depth: int) -> int:
        while True:
            hit = _found(token, self._data, at)
            at = hit.end()
            if hit.lastgroup == "end":
                return at
            if hit.lastgroup == "code":
                if depth == _DEEPEST:
                    raise Unclear
                at = self._code(at, depth + 1)


def _found(pattern: re.Pattern[bytes], data: bytes, at: int, *, anchored: bool = False) -> re.Match[bytes]:
    hit = pattern.match(data, at) if anchored else pattern.search(data, at)
    if hit is None:
        raise Unclear
    return hit
