"""Defines the progress of the packing: phases with a length, in order."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Receives the progress in phases; each begins where the one before ends."""

    def phase(self, name: str, total: int | None = None) -> None:
        """Begin a phase of `total` steps, None when their number is unknown."""

    def advance(self, steps: int = 1) -> None:
        """Count steps of the phase as done."""


class NoProgress:
    """A Progress that shows nothing."""

    def phase(self, name: str, total: int | None = None) -> None:
        """Do nothing."""

    def advance(self, steps: int = 1) -> None:
        """Do nothing."""
