"""Trouble of the controller itself, its database's or its machine's: it says nothing of the job that met it."""

from __future__ import annotations

from controller.db.connection import refusals
from shared.errors import ShoplaunchError

#: Pause before a step that met the database's trouble is tried again.
AGAIN_SECONDS = 10.0


def is_of_the_database(error: object) -> bool:
    """Return whether `error` says that the controller's database is away, full, or takes no changes."""
    return isinstance(error, ShoplaunchError) and error.code in refusals.OF_THE_DATABASE


def exhausted(error: Exception) -> ShoplaunchError | None:
    """Return `error` as a temporary one when it says that the machine has no memory or no thread left."""
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and "start new thread" in str(error)):
        return ShoplaunchError("internal", "the controller's machine has no memory or no thread left", retryable=True)
    return None
