"""A comment of a file, and what every reader of a language raises where it is not certain any more."""

from __future__ import annotations

from typing import NamedTuple


class Unclear(Exception):
    """From here on it is not certain what is a comment and what has an effect: what was found before is."""


class Comment(NamedTuple):
    """What a comment says, without its marks: `data[start:end]`; a line's comment ends with the line."""

    start: int
    end: int
    is_line: bool = False
