"""Writes Windows paths below the template's root with the slashes they have on the new host."""

from __future__ import annotations

import re
from collections.abc import Iterable

from controller.recipes.location import paths

_BACKSLASH = rb"(?P<sep>\\{1,8}|%(?:25)*5[Cc])"
_COLON = rb"(?::|%(?:25)*3[Aa])"
#: File names in running text, and between quotes, where they may hold spaces.
_NAME = rb"[^\\/\s\"'<>|*?:,;%&]*"
_QUOTED_NAME = rb"[^\\/\r\n\t\"'<>|*?:%]*"


class WindowsPaths:
    """Windows paths of `roots`: olds of replacements, of which some may be Windows paths."""

    def __init__(self, roots: Iterable[bytes]) -> None:
        known = {one.replace(b"\\", b"/").lstrip(b"/").lower() for one in roots if paths.is_windows(one)}
        self._patterns = [_pattern_of(one) for one in sorted(known, key=lambda each: (-len(each), each))]

    def with_slashes(self, data: bytes) -> bytes:
        """Return `data` with a plain slash for each separator of a root and of the path that follows.

        The encoding is kept: `%5C` becomes `%2F`. Returns the same object when there is none.
        """
        if not self._patterns or (b"\\" not in data and b"5c" not in data.lower()):
            return data
        for pattern in self._patterns:
            data = pattern.sub(_plain, data) if pattern.search(data) else data
        return data


def _pattern_of(root: bytes) -> re.Pattern[bytes]:
    drive, parts = root[:1], root[3:].split(b"/")
    head = drive + _COLON + _BACKSLASH + rb"(?P=sep)".join(re.escape(part) for part in parts)
    tail = rb"(?:(?:(?P=sep)(?!\\)|/)%b)*"
    quoted = rb"(?P<quote>[\"'])" + head + tail % _QUOTED_NAME + rb"(?=(?P=quote))"
    whole = rb"\A" + head.replace(b"?P<sep>", b"?P<whole>").replace(b"P=sep", b"P=whole")
    whole += tail.replace(b"P=sep", b"P=whole") % _QUOTED_NAME + rb"\Z"
    bare = head.replace(b"?P<sep>", b"?P<bare>").replace(b"P=sep", b"P=bare")
    bare += tail.replace(b"P=sep", b"P=bare") % _NAME
    # The text allowed after the root cannot continue a file name
    end = rb"(?![A-Za-z0-9_.-])"
    return re.compile(rb"(?i)(?<![A-Za-z0-9])(?:%b|%b|%b)%b" % (whole, quoted, bare, end))


def _plain(found: re.Match[bytes]) -> bytes:
    separator = found.group("sep") or found.group("whole") or found.group("bare")
    slash = b"/" if separator.startswith(b"\\") else re.sub(rb"5[Cc]$", b"2F", separator)
    return found.group().replace(separator, slash)
