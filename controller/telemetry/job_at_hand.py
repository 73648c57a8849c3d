"""Which job this thread works on: entries of the log in JSON name it, and so do traces."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

Result = TypeVar("Result")
_NOTE = "_job_at_hand"


@dataclass(frozen=True)
class JobAtHand:
    """A job and its attempt; its server is unknown, "", only where the job is."""

    job: str
    server: str
    attempt: int


_JOB: ContextVar[JobAtHand | None] = ContextVar("job_at_hand", default=None)


def job_at_hand() -> JobAtHand | None:
    """Return the job that this thread works on, None where it works on none."""
    return _JOB.get()


def job_of(problem: BaseException | None) -> JobAtHand | None:
    """Return the job that was worked on when the failure arose: who logs it may be at none, or at another."""
    return getattr(problem, _NOTE, None)


@contextmanager
def working_on(job: str, server: str, attempt: int) -> Iterator[None]:
    """The `with` block is work on this job."""
    about = JobAtHand(job, server, attempt)
    before = _JOB.set(about)
    try:
        yield
    except BaseException as problem:
        if job_of(problem) is None:
            setattr(problem, _NOTE, about)
        raise
    finally:
        _JOB.reset(before)


def as_here(call: Callable[[], Result]) -> Callable[[], Result]:
    """Return `call` for a thread of its own, which then works on the job that this one works on."""
    return partial(copy_context().run, call)
