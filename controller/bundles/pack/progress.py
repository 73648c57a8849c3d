"""Who is told how far the packing is: phases with a length, in order."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Told of phases; each begins where the one before ends."""

    def phase(self, name: str, total: int | None = None) -> None:
        """A phase begins; `total` steps when their number is known."""

    def advance(self, steps: int = 1) -> None:
        """So many steps of the phase are done."""


class NoProgress:
    """A Progress that nobody watches."""

    def phase(self, name: str, total: int | None = None) -> None:
        """Nothing is drawn."""

    def advance(self, steps: int = 1) -> None:
        """Nothing is drawn."""
