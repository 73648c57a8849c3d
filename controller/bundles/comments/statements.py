"""Reads SQL as MySQL and MariaDB do: the comments of statements."""

from __future__ import annotations

import re

from controller.bundles.comments.spans import Comment

_TOKEN = re.compile(
    rb"(?P<executed>/\*(?:M?!|\+))|(?P<block>/\*)|(?P<line>--(?=[\s\x00-\x1f]|\Z)|#)"
    rb"|'(?:[^'\\]|\\.|'')*+'|\"(?:[^\"\\]|\\.|\"\")*+\"|`[^`]*+`|(?P<unclosed>['\"`])",
    re.DOTALL,
)
_LINE_END = re.compile(rb"\n|\Z")


def comments(data: bytes) -> list[Comment]:
    """Return the comments of statements as far as they are certain, without those that a server executes."""
    found: list[Comment] = []
    at = 0
    while (hit := _TOKEN.search(data, at)) is not None and hit.lastgroup != "unclosed":
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
