"""Collects the secrets that a recipe found in a template, and decides which can be searched for, and where."""

from __future__ import annotations

from collections.abc import Iterable

from controller.recipes.secrets import tables
from controller.recipes.secrets.parts import Held
from controller.recipes.secrets.values import is_weak

NEAR_ITS_USER = "too common: searched only where it stands as a password near its user's or database's name"
TOO_COMMON = "too common"
KEPT = "kept: a word, a number or too short for a secret"


class KnownSecrets:
    """Secrets by labels for the operator; a label that is used again with another value gets a number."""

    def __init__(self) -> None:
        self._found: dict[str, bytes] = {}
        self._suspected: set[str] = set()
        self._many: list[str] = []

    def add(self, label: str, value: bytes, proven: bool = True) -> None:
        """Add one secret. It is `proven` unless it is recognised by its name only."""
        if not value or value in (self._found.get(label), b""):
            return
        number, free = 1, label
        while free in self._found and self._found[free] != value:
            number += 1
            free = f"{label} ({number})"
        self._found[free] = value
        if not proven:
            self._suspected.add(free)

    def add_held(self, label: str, held: Iterable[Held]) -> None:
        """Add the secrets in one value; `label` names the value."""
        for one in held:
            self.add(" ".join(filter(None, [label, one.name])), one.value, one.proven)

    def add_places(self, places: Iterable[tuple[str, list[Held]]]) -> None:
        """Add the results of `tables.secrets_of`."""
        for place, held in places:
            self.add_held(place, held)
            if not held:
                self._many.append(place)

    def searched(self) -> dict[str, bytes]:
        """Return label -> secret for those that must not occur anywhere in a bundle."""
        return {label: value for label, value in self._found.items() if not is_weak(value)}

    def suspected(self) -> frozenset[str]:
        """Return the labels of those recognised by their name only."""
        return frozenset(self._suspected)

    def weak(self) -> dict[str, bytes]:
        """Return label -> secret for those that may stand in third-party files by chance."""
        return {label: value for label, value in self._found.items() if is_weak(value)}

    def unsearched(self, *passwords: str) -> dict[str, str]:
        """Return label -> why it is not searched for everywhere; `passwords` are searched for near their user."""
        many = {f"secret {place}": tables.MANY for place in self._many}
        return many | {f"secret {label}": NEAR_ITS_USER if label in passwords else TOO_COMMON for label in self.weak()}
