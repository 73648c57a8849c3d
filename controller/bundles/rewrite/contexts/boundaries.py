"""Decides where a needle ends and the text around it begins, in any encoding; names why one is not replaced."""

from __future__ import annotations

import re

#: Why a needle is not replaced: it is part of something else that does not move with the shop.
SUBDOMAIN = "a sub-domain"
LONGER_NAME = "part of a longer name"
LONGER_PATH = "part of a longer path"
LONGER_ADDRESS = "part of a longer address"
ANOTHER_PORT = "with another port"
COMMON_WORD = "a common word outside an address"
ANOTHER_SERVICE = "a host of the machine: no address of the shop"
ANOTHER_FOLDER = "an address outside the template's folder"
NOT_BEGINNING = "not the beginning of an address"
UNPROVEN_PATH = "a short path that may stand below another folder"
FORMER = "a former domain in a file: its maker's as well as the template's"
EXAMPLE = "an example in a library or in documentation"
SOMETHING_ELSE = frozenset(
    {SUBDOMAIN, LONGER_NAME, LONGER_PATH, LONGER_ADDRESS, ANOTHER_PORT, COMMON_WORD, ANOTHER_SERVICE, ANOTHER_FOLDER,
     NOT_BEGINNING, UNPROVEN_PATH, FORMER, EXAMPLE}
)  # fmt: skip
#: Bytes next to a needle that are enough to recognise its context.
LOOK_BACK = 80
SLASH = rb"(?:\\*/|%(?:25)*2[Ff]|\\+u002[Ff]|&#x2[Ff];|&#0?47;)"
#: Also the next picture in a list of them for screens of several sizes.
QUOTE_BEFORE = re.compile(rb"(?:[\"'(=]|&quot;|&#0?39;|%22|%27|\\u0022|[ \t][0-9.]+[wxh],[ \t\r\n]*)$")
ESCAPE_BEFORE = re.compile(
    rb"(?:%(?:25)*([0-9A-Fa-f]{2})|\\+u00([0-9A-Fa-f]{2})|\\+[xX]([0-9A-Fa-f]{2})|\\+[nrtbfv0])$"
)


def is_joined_before(before: bytes, more: bytes) -> bool:
    """Return whether the last character belongs to the same word; `more` are characters besides letters and digits."""
    escape = ESCAPE_BEFORE.search(before)
    if escape:
        digits = escape.group(1) or escape.group(2) or escape.group(3)
        return digits is not None and _is_word(bytes([int(digits, 16)]), more)
    return bool(before) and _is_word(before[-1:], more)


def is_joined_after(after: bytes) -> bool:
    """Return whether the next character belongs to the same word, or continues it after a dot."""
    if not after:
        return False
    if after[:1] == b".":
        return len(after) > 1 and _is_word(after[1:2], b"_")
    return _is_word(after[:1], b"_-")


def _is_word(char: bytes, more: bytes) -> bool:
    return char.isalnum() or char >= b"\x80" or char in [more[i : i + 1] for i in range(len(more))]
