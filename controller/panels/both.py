"""Two calls of a panel in parallel, neither of which needs the other's answer."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from controller.telemetry.job_at_hand import as_here

First = TypeVar("First")
Second = TypeVar("Second")


def both(first: Callable[[], First], second: Callable[[], Second]) -> tuple[First, Second]:
    """Return the results of both calls, when both have ended. Raises the failure of `first`, else that of `second`."""
    with ThreadPoolExecutor(1, thread_name_prefix="panel") as pool:
        other = pool.submit(as_here(second))
        one = first()
        return one, other.result()
