"""Makes one HTTP check of a manifest."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from shared.documents import Check


def http_check(name: str, path: str, **parts: object) -> Check:
    """Return the check `name` of the page at `path`, with other `parts` of its schema (manifest `checks`): the manifest
    is checked as a whole before it is written."""
    return cast("Check", {"name": name, "path": path, **parts})
