"""The error of a page that fails its check."""

from __future__ import annotations

from shared.errors import ShoplaunchError


def failed(message: str, hint: str = "") -> ShoplaunchError:
    """Return ShoplaunchError `check_failed` with the most likely cause after its message."""
    return ShoplaunchError("check_failed", f"{message} ({hint})" if hint else message)
