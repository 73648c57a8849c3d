"""A hint to this process's worker that a job is due now; without it the job is found by the next look."""

from __future__ import annotations

import threading

_NEWS = threading.Event()


def notify() -> None:
    """Let a waiting worker look at once. To be called after the commit of what made the job due."""
    _NEWS.set()


def wait(seconds: float) -> bool:
    """Wait for a hint, at most `seconds`; tell whether one was given. What became due before is seen by a look after
    it."""
    given = _NEWS.wait(seconds)
    _NEWS.clear()
    return given
