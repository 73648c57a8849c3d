"""Defines a comment's span, and the error a reader raises where comments become uncertain."""

from __future__ import annotations

from typing import NamedTuple


class Unclear(Exception):
    """From here on comments and code cannot be told apart for certain; comments found before are valid."""


class Comment(NamedTuple):
    """The text of a comment without its marks: `data[start:end]`; a line comment ends with the line."""

    start: int
    end: int
    is_line: bool = False
