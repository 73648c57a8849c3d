"""Reads settings written in lines: YAML, and files whose comments take whole lines."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from controller.bundles.comments.spans import Comment

_LINE = re.compile(rb"[^\r\n]++")
_BLOCK = re.compile(rb"(?:^|[\s:-])[|>][-+0-9]*$")
#: A quote begins a string where a value begins.
_YAML = re.compile(rb"(?P<comment>(?:^|(?<=[ \t]))#)|(?:^|(?<=[ \t\[{,:-]))(?P<quote>[\"'])")
_CLOSING = {b'"': re.compile(rb"(?:[^\"\\]|\\.)*+\""), b"'": re.compile(rb"(?:[^']|'')*+'")}
#: A string that begins so continues over several lines.
_LONG_TEXTS = (b'"""', b"'''", b"<<")


def yaml_comments(data: bytes) -> list[Comment]:
    """Return the comments of a YAML document; a `#` within a string begins none."""
    found: list[Comment] = []
    block: int | None = None
    quote = b""
    for start, line in _lines(data):
        indent = len(line) - len(line.lstrip(b" \t"))
        if block is not None and not quote and (indent > block or not line.strip()):
            continue
        block = None
        comment, quote = _in_line(line, quote)
        said = line if comment is None else line[: comment - 1]
        if comment is not None:
            found.append(Comment(start + comment, start + len(line), True))
        if not quote and _BLOCK.search(said.rstrip()):
            # After the marker of a document a string may begin at once
            block = -1 if said.startswith(b"---") else indent
    return found


def _in_line(line: bytes, quote: bytes) -> tuple[int | None, bytes]:
    """Return (where a comment begins or None, the quote of an unclosed string); `quote` is the one open before."""
    at = 0
    while True:
        if quote:
            closed = _CLOSING[quote].match(line, at)
            if closed is None:
                return None, quote
            at, quote = closed.end(), b""
        hit = _YAML.search(line, at)
        if hit is None:
            return None, b""
        at = hit.end()
        if hit.lastgroup == "comment":
            return at, b""
        quote = hit["quote"]


def lines_with(marks: bytes, *, has_texts: bool) -> Callable[[bytes], list[Comment]]:
    """Return a reader of files in which a line beginning with one of `marks` is a comment.

    Where a file `has_texts` in quotes, these may span lines: after one that does, nothing is certain.
    """
    comment = re.compile(rb"[ \t]*[" + re.escape(marks) + rb"]+")

    def comments(data: bytes) -> list[Comment]:
        found: list[Comment] = []
        goes_on = False
        for start, line in _lines(data):
            hit = comment.match(line)
            if hit is not None and not goes_on:
                found.append(Comment(start + hit.end(), start + len(line), True))
            elif has_texts and (any(line.count(q) % 2 for q in (b'"', b"'")) or any(t in line for t in _LONG_TEXTS)):
                break
            goes_on = line.endswith(b"\\")
        return found

    return comments


def _lines(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (position, line without its end) of each line that is not empty."""
    return ((hit.start(), hit.group()) for hit in _LINE.finditer(data))
