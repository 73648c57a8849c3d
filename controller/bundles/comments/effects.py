"""Recognises comments that software reads: their content is in use like code."""

from __future__ import annotations

import re

from controller.bundles.comments.languages import JAVASCRIPT, PHP, STYLES
from controller.bundles.comments.spans import Comment

#: WordPress reads headers of plug-ins, themes and templates in this many first bytes, one "Name: value" per line.
_HEADERS_BYTES = 8192
_HEADER = re.compile(rb"[ \t*#@]*[A-Za-z][\w -]{0,60}:(?!//)[^\r\n]*\Z")
#: PHP hands programs the text of doc comments; annotations in it have arguments.
_ANNOTATION = re.compile(rb"@[A-Za-z_][\w\\-]*[ \t]*\(")
_ALONE = re.compile(rb"\s*\}")
_NEAR_BYTES = 200


def is_read(language: str, data: bytes, comment: Comment, at: int) -> bool:
    """Return whether software may read the text at `at` in a comment."""
    if comment.is_line:
        return False
    if language in (PHP, STYLES) and at < _HEADERS_BYTES:
        line = max(data.rfind(b"\n", 0, at), data.rfind(b"\r", 0, at), comment.start - 1) + 1
        if _HEADER.match(data[line:at]):
            return True
    if language == PHP and data.startswith(b"/**", comment.start - 2):
        return _ANNOTATION.search(data, comment.start, at) is not None
    # A function with nothing but a comment in it: scripts read the comment through toString()
    if language == JAVASCRIPT:
        before = data[max(0, comment.start - _NEAR_BYTES) : comment.start - len(b"/*")].rstrip()
        return before.endswith(b"{") and _ALONE.match(data, comment.end + len(b"*/")) is not None
    return False
