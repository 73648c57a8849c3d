"""The servers that are a worker's own: all, or those whose names match one of its patterns (a region: `eu-*`)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase

from shared.errors import ShoplaunchError

_PATTERN = re.compile(r"[A-Za-z0-9._*?-]{1,63}\Z")
#: As many characters are stored of the patterns together.
MOST_CHARS = 500


@dataclass(frozen=True)
class OwnServers:
    """Names of servers, or patterns with * and ?; without any, every server is one's own."""

    patterns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raise config_invalid for what is no name and no pattern."""
        wrong = [pattern for pattern in self.patterns if not _PATTERN.match(pattern)]
        if wrong or len(self.text) > MOST_CHARS:
            shown = f": {wrong[0][:40]!r}" if wrong else ""
            raise ShoplaunchError("config_invalid", f"servers are names such as web1, or patterns such as eu-*{shown}")

    @property
    def text(self) -> str:
        """The patterns as people read them; "" for every server."""
        return ", ".join(self.patterns)

    def __contains__(self, server: str) -> bool:
        """Return whether the server is one's own."""
        return not self.patterns or any(fnmatchcase(server, pattern) for pattern in self.patterns)


ALL = OwnServers()
