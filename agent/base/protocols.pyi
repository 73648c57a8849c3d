"""What the lower rooms are given from above, by what they use of it; for mypy alone."""

from typing import Protocol

class Touched(Protocol):
    """A lock that is told of progress."""

    def touch(self) -> None: ...
