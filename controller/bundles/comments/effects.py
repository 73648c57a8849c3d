"""Comments that software reads: what stands in these is no less in use than code."""

from __future__ import annotations

import re

from controller.bundles.comments.languages import JAVASCRIPT, PHP, STYLES
from controller.bundles.comments.spans import Comment

#: WordPress reads headers of plug-ins, themes and templates in so many bytes, "Name: value" in a line each.
_HEADERS_BYTES = 8192
_HEADER = re.compile(rb"[ \t*#@]*[A-Za-z][\w -]{0,60}:(?!//)[^\r\n]*\Z")
#: Of a comment on what follows PHP gives programs the text; annotations in it have arguments.
_ANNOTATION = re.compile(rb"@[A-Za-z_][\w\\-]*[ \t]*\(")
_ALONE = re.compile(rb"\s*\}")
_NEAR_BYTES = 200


def is_read(language: str, data: bytes, comment: Comment, at: int) -> bool:
    """Tell whether software may read what stands at `at` in a comment."""
    if comment.is_line:
        return False
    if language in (PHP, STYLES) and at < _HEADERS_BYTES:
        line = max(data.rfind(b"\n", 0, at), data.rfind(b"\r", 0, at), comment.start - 1) + 1
        if _HEADER.match(data[line:at]):
            return True
    if language == PHP and data.startswith(b"/**", comment.start - 2):
        return _ANNOTATION.search(data, comment.start, at) is not None
    # A function that is nothing but a comment is asked for its own text
    if language == JAVASCRIPT:
        before = data[max(0, comment.start - _NEAR_BYTES) : comment.start - len(b"/*")].rstrip()
        return before.endswith(b"{") and _ALONE.match(data, comment.end + len(b"*/")) is not None
    return False
