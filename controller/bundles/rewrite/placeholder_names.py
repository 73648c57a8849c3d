"""Collects the values that the placeholders of a bundle name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from shared.errors import ShoplaunchError

_MARK = b"@@SL"


class Names:
    """Collects the names in templates of one bundle; `used` are those that are values of a job."""

    def __init__(self, nonce: str) -> None:
        self.mark = _MARK + nonce.encode("ascii") + b":"
        self._pattern = re.compile(re.escape(self.mark) + rb"([a-z0-9_.]+):")
        self.used: set[str] = set()

    def check_free(self, content: bytes, place: str) -> None:
        """Raise ShoplaunchError `template_occupied` when the template itself holds this bundle's mark."""
        if self.mark in content:
            raise ShoplaunchError("template_occupied", f"{place} holds a placeholder of Shoplaunch")

    def take(self, template: bytes) -> bool:
        """Take the names in `template`; return whether there is any placeholder."""
        if self.mark not in template:
            return False
        found = {name.decode("ascii") for name in self._pattern.findall(template)}
        self.used |= {name for name in found if not name.startswith("fragment.")}
        return True

    def take_document(self, value: object) -> bool:
        """Take the names in every text of a JSON document; return whether there is any placeholder."""
        if isinstance(value, str):
            return self.take(value.encode("utf-8"))
        parts: Iterable[Any] = ()
        if isinstance(value, Mapping):
            parts = value.values()
        elif isinstance(value, list | tuple):
            parts = value
        return any([self.take_document(part) for part in parts])  # noqa: C419 - all of them are to be taken
