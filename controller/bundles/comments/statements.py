"""Reads SQL as MySQL and MariaDB do: the comments of statements."""

from __future__ import annotations

import re

from controller.bundles.comments.spans import Comment, of_tokens

_TOKEN = re.compile(
    rb"(?P<executed>/\*(?:M?!|\+))|(?P<block>/\*)|(?P<line>--(?=[\s\x00-\x1f]|\Z)|#)"
    rb"|'(?:[^'\\]|\\.|'')*+'|\"(?:[^\"\\]|\\.|\"\")*+\"|`[^`]*+`|(?P<unclosed>['\"`])",
    re.DOTALL,
)
_LINE_END = re.compile(rb"\n|\Z")


def comments(data: bytes) -> list[Comment]:
    """Return the comments of statements as far as they are certain, without those that a server executes."""
    return of_tokens(data, _TOKEN, _LINE_END)
