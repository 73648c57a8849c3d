"""A hint to this process's worker that a job is due now; without it the worker finds the job at its next check."""

from __future__ import annotations

import threading

_NEWS = threading.Event()


def notify() -> None:
    """Let a waiting worker check at once. Call it after the commit that made the job due."""
    _NEWS.set()


def wait(seconds: float) -> bool:
    """Wait for a hint, at most `seconds`; return whether one came. A check after that sees every job that became due
    before it."""
    given = _NEWS.wait(seconds)
    _NEWS.clear()
    return given
