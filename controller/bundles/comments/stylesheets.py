"""Reads style sheets: CSS, and the languages compiled to it."""

from __future__ import annotations

import re

from controller.bundles.comments.spans import Comment

_TOKEN = re.compile(
    rb"(?P<block>/\*)|(?P<line>(?<!:)//)|\"(?:[^\"\\\r\n]|\\.)*+\"?|'(?:[^'\\\r\n]|\\.)*+'?|url\(\s*(?![\"'\s])[^)]*\)?",
    re.DOTALL | re.IGNORECASE,
)
_LINE_END = re.compile(rb"[\r\n]|\Z")


def comments(data: bytes) -> list[Comment]:
    """Return the comments of a style sheet; line comments are comments in every language compiled to CSS."""
    found: list[Comment] = []
    at = 0
    while (hit := _TOKEN.search(data, at)) is not None:
        at = hit.end()
        if hit.lastgroup == "block":
            end = data.find(b"*/", at)
            if end < 0:
                break
            found.append(Comment(at, end))
            at = end + 2
        elif hit.lastgroup == "line":
            ends = _LINE_END.search(data, at)
            end = ends.start() if ends else len(data)
            found.append(Comment(at, end, True))
            at = end
    return found
