"""Text of others on one line of a log or a terminal: what would begin another, or command a terminal, is escaped."""

import re

MYPY = False
if MYPY:
    from typing import Match

#: C0 and C1 controls but the tab, line and paragraph separators, marks and overrides of direction, unpaired surrogates.
#: The joiners of Persian stay.
_COMMANDS = "[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
_SHORT = {"\n": "\\n", "\r": "\\r"}


def escaped(text: str) -> str:
    """Return `text` on one line, each such character as the backslash escape that names it."""
    # None of them is printable. To compile the pattern takes longer than most lines of an agent's log are worth
    return text if text.isprintable() else re.sub(_COMMANDS, _escape, text)


def _escape(found: "Match[str]") -> str:
    sign = found.group()
    number = ord(sign)
    return _SHORT.get(sign) or ("\\x{:02x}" if number < 0x100 else "\\u{:04x}").format(number)
