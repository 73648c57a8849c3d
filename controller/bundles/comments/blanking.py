"""Empties comments of secrets: they have no effect there, and must not leave the template."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence

from controller.bundles.comments.effects import is_read
from controller.bundles.comments.languages import Language, language_of
from controller.bundles.comments.spans import Comment
from controller.recipes.secrets.forms import Met

#: What is larger was put together by a program, and is asked about.
MOST_BYTES = 4 * 1024 * 1024
#: Between lines of one remark.
_BETWEEN_LINES = re.compile(rb"[ \t\r\n]*[/#;!-]+")
_KEPT = re.compile(rb"[^\r\n]")


def without_secrets(path: bytes, data: bytes, found: Sequence[Met]) -> tuple[bytes, list[Met]]:
    """Return (a file with blanks for those of `found` that stand in comments, these); it keeps its length and lines.

    The same object when there is none. What may be read by software is no comment here.
    """
    language = language_of(path)
    if language is None or not found or len(data) > MOST_BYTES:
        return data, []
    comments = language.read(data)
    starts = [one.start for one in comments]
    made, blanked = bytearray(data), []
    for one in found:
        pieces = _pieces(language, data, comments, max(0, bisect_right(starts, one.start) - 1), one)
        for start, end in pieces:
            made[start:end] = _KEPT.sub(b" ", data[start:end])
        blanked += [one] if pieces else []
    return (bytes(made), blanked) if blanked else (data, [])


def _pieces(
    language: Language, data: bytes, comments: Sequence[Comment], first: int, one: Met
) -> list[tuple[int, int]]:
    """Return the parts of a secret in comments from the `first` on, [] when some of it stands elsewhere."""
    pieces: list[tuple[int, int]] = []
    at = one.start
    for number in range(first, len(comments)):
        comment = comments[number]
        if pieces:
            if not _goes_on(data, comments[number - 1], comment):
                return []
            at = comment.start
        if not comment.start <= at <= comment.end or is_read(language.name, data, comment, at):
            return []
        pieces.append((at, min(one.end, comment.end)))
        if one.end <= comment.end:
            return pieces
    return []


def _goes_on(data: bytes, above: Comment, below: Comment) -> bool:
    """Tell whether two comments are lines of one remark."""
    are_lines = above.is_line and below.is_line
    return are_lines and _BETWEEN_LINES.fullmatch(data, above.end, below.start) is not None
