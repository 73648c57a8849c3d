"""Which job this thread works on: entries of the log in JSON name it, and so do traces."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True)
class JobAtHand:
    """A job and its attempt; its server is unknown, "", where only a report of its agent is at hand."""

    job: str
    server: str
    attempt: int


_JOB: ContextVar[JobAtHand | None] = ContextVar("job_at_hand", default=None)


def job_at_hand() -> JobAtHand | None:
    """Return the job that this thread works on, None where it works on none."""
    return _JOB.get()


@contextmanager
def working_on(job: str, server: str, attempt: int) -> Iterator[None]:
    """The `with` block is work on this job."""
    before = _JOB.set(JobAtHand(job, server, attempt))
    try:
        yield
    finally:
        _JOB.reset(before)
