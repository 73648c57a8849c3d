"""Parse the panel's listings of files, in either of their shapes."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Any

from controller.panels.cpanel.api.answers import listed


def mode_of(row: Mapping[str, object]) -> int | None:
    """Return the permissions of a listed file, None when the panel does not report them."""
    nice, mode = str(row.get("nicemode") or ""), row.get("mode")
    try:
        if nice.isdigit():
            return int(nice, 8) & 0o777
        return None if mode in (None, "") else int(str(mode), 10 if isinstance(mode, int) else 8) & 0o777
    except ValueError:
        return None


def size_of(row: Mapping[str, Any]) -> int | None:
    """Return the size of a listed file, None when the panel does not report it."""
    try:
        return int(row["size"])
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


def rows_of(data: object) -> list[dict[str, object]]:
    """Return the rows of either shape: one list, or files and folders separately."""
    if isinstance(data, dict):
        data = [*listed(data.get("dirs")), *listed(data.get("files"))]
    return [dict(one) for one in listed(data) if isinstance(one, dict)]


def name_of(row: Mapping[str, object]) -> str:
    """Return the name of a listed file, "" when the panel does not report it."""
    return str(row.get("file") or posixpath.basename(str(row.get("fullpath") or "")))


def is_link(row: Mapping[str, object]) -> bool:
    """Return whether a listed file is a link."""
    return "link" in str(row.get("type") or "").lower()
