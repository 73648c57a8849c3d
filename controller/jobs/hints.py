"""A hint to this process's worker that a job is due now; without it the job is found by the next look."""

from __future__ import annotations

import threading

_NEWS = threading.Event()


def give() -> None:
    """Let a waiting worker look at once. To be called after the commit of what made the job due."""
    _NEWS.set()


def wait(seconds: float) -> None:
    """Return when a hint is given, at the latest after `seconds`. What became due before is seen by a look after it."""
    _NEWS.wait(seconds)
    _NEWS.clear()
