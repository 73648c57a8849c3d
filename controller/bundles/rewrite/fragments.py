"""Collects the bundle's fragments: templates that are rendered first and then encoded or measured as a whole."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from shared.errors import ShoplaunchError
from shared.placeholders import token

_NAME_DIGITS = 12


class Fragments:
    """Collects fragments; each is named by its content, so that the order of packing does not matter."""

    def __init__(self, nonce: str) -> None:
        self._nonce = nonce
        self._templates: dict[str, bytes] = {}

    def token(self, template: bytes, steps: str) -> bytes:
        """Return the placeholder for the rendered `template` after `steps`; the same bytes share one."""
        digits = hashlib.sha256(template).hexdigest()
        length = _NAME_DIGITS
        while self._templates.get(digits[:length], template) != template:
            length += 1
        self._templates[digits[:length]] = template
        filled: bytes = token(self._nonce, f"fragment.{digits[:length]}", steps)
        return filled

    def absorb(self, templates: Mapping[str, bytes]) -> None:
        """Add the fragments of another collector by name. Raises ShoplaunchError `internal` when a name is taken."""
        for name, template in templates.items():
            if self._templates.setdefault(name, template) != template:
                raise ShoplaunchError("internal", f"two fragments have the name {name}")

    def templates(self) -> Mapping[str, bytes]:
        """Return name -> template, sorted."""
        return dict(sorted(self._templates.items()))
