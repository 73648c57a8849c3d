"""What views may use of the application: the jobs service of the current request."""

from __future__ import annotations

from typing import Any

from flask import current_app

EXTENSION = "shoplaunch"


def service() -> Any:
    """Return the application's service."""
    return current_app.extensions[EXTENSION]
