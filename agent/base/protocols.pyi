"""Protocols for objects that lower packages get from above, limited to what they use; for mypy only."""

from typing import Protocol

class Touched(Protocol):
    """A lock that records progress."""

    def touch(self) -> None: ...
