"""Reads style sheets: CSS, and the languages compiled to it."""

from __future__ import annotations

import re

from controller.bundles.comments.spans import Comment, of_tokens

_TOKEN = re.compile(
    rb"(?P<block>/\*)|(?P<line>(?<!:)//)|\"(?:[^\"\\\r\n]|\\.)*+\"?|'(?:[^'\\\r\n]|\\.)*+'?|url\(\s*(?![\"'\s])[^)]*\)?",
    re.DOTALL | re.IGNORECASE,
)
_LINE_END = re.compile(rb"[\r\n]|\Z")


def comments(data: bytes) -> list[Comment]:
    """Return the comments of a style sheet; line comments are comments in every language compiled to CSS."""
    return of_tokens(data, _TOKEN, _LINE_END)
