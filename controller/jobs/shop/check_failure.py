"""The error of a page that is not as it should be."""

from __future__ import annotations

from shared.errors import ShoplaunchError


def failed(message: str, hint: str = "") -> ShoplaunchError:
    """Return ShoplaunchError `check_failed` with the likeliest cause behind its message."""
    return ShoplaunchError("check_failed", f"{message} ({hint})" if hint else message)
