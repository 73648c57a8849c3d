"""Defines a comment's span, the error a reader raises where comments become uncertain, and the simplest reader."""

from __future__ import annotations

import re
from typing import NamedTuple


class Unclear(Exception):
    """From here on comments and code cannot be distinguished for certain; comments found before are valid."""


class Comment(NamedTuple):
    """The text of a comment without its marks: `data[start:end]`; a line comment ends with the line."""

    start: int
    end: int
    is_line: bool = False


def of_tokens(data: bytes, token: re.Pattern[bytes], line_end: re.Pattern[bytes]) -> list[Comment]:
    """Return the comments of a language without nesting, as far as they are certain.

    `token` finds the beginning of a `block` or `line` comment (groups), or a whole text of another kind, in which none
    begins; the group `unclosed` is a text without its end. `line_end` finds the end of a line, or of `data`.
    """
    found: list[Comment] = []
    at = 0
    while (hit := token.search(data, at)) is not None and hit.lastgroup != "unclosed":
        at = hit.end()
        if hit.lastgroup == "block":
            end = data.find(b"*/", at)
            if end < 0:
                break
            found.append(Comment(at, end))
            at = end + 2
        elif hit.lastgroup == "line":
            ends = line_end.search(data, at)
            end = ends.start() if ends else len(data)
            found.append(Comment(at, end, True))
            at = end
    return found
