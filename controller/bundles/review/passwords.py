"""Searches for passwords that are common words only near the names of their user and database."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from controller.bundles.residue.findings import SUSPECTED, Finding, Place, masked

_SETTINGS = re.compile(
    rb"(?:^|/)[^/]*(?:\.(?:php[0-9]?|inc|ini|env|ya?ml|json|xml|cnf|conf|config|txt|sh|properties|neon|toml|bak|dist|old"
    rb"|orig|sql)|env(?:\.[\w-]+)?)$|(?:^|/)[^./]+$",
    re.IGNORECASE,
)
_LIBRARY = re.compile(rb"(?:^|/)(?:vendor|node_modules|bower_components)/")
_LARGEST = 1024 * 1024
#: The greatest distance between a password and the name of its user or database.
_NEAR = 400


class Passwords:
    """Finds the template's own `passwords` (label -> value) near one of `names`."""

    def __init__(self, passwords: Mapping[str, bytes], names: Sequence[bytes]) -> None:
        self._known = [(label, value, _pattern(value)) for label, value in passwords.items() if value]
        quoted = b"|".join(re.escape(name) for name in names if name)
        self._names = re.compile(rb"(?<![\w.-])(?:" + quoted + rb")(?![\w-])") if quoted else None

    def in_file(self, path: bytes, content: bytes) -> list[Finding]:
        """Return the places where a file may hold another copy of the configuration."""
        if not self._known or self._names is None or not any(value in content for _, value, _ in self._known):
            return []
        if len(content) > _LARGEST or _LIBRARY.search(path) or not _SETTINGS.search(path):
            return []
        found = []
        for label, value, pattern in self._known:
            for hit in pattern.finditer(content):
                start = hit.start("value")
                near = content[max(0, start - _NEAR) : start] + b"\0" + content[hit.end() : hit.end() + _NEAR]
                if self._names.search(near):
                    line = content.count(b"\n", 0, start) + 1
                    place = Place(file=path.decode("utf-8", "backslashreplace"), line=line)
                    found.append(Finding(f"secret {label}", place, SUSPECTED, masked(value)))
        return found


def _pattern(value: bytes) -> re.Pattern[bytes]:
    called = rb"(?i:pass(?:wor[dt]|wd|phrase)?|passwd|pwd|pw|secret)[\w-]*['\"\])]*\s*(?:=>|[=:,>])\s*['\"]?"
    address = rb"://[^\s/:@]*:"
    return re.compile(
        rb"(?:" + called + rb"|" + address + rb")(?P<value>" + re.escape(value) + rb")(?=['\"\s,;<)@]|$)", re.M
    )
