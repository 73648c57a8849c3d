"""A job as an engine has claimed it, and as it gives it back."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import sqlalchemy as sa

from controller.db.jobs import Job
from controller.jobs.engine.step_runner import Begun
from controller.jobs.lifecycle.lease import Lease
from controller.jobs.lifecycle.step_context import JobContext

#: Says whether a job rests before its next step. It is asked with a connection where that step's begin would be noted.
RestsWhen = Callable[[sa.Connection | None], bool]


class Claimed(NamedTuple):
    """A job whose lease was taken, what was begun together with that, and what was read: its server and bundle."""

    lease: Lease
    begun: Begun
    known: JobContext


class PutOff:
    """Instead of a due job that cannot be read: it is due again later."""


class Rest(NamedTuple):
    """A job that was moved on as far as it goes: its lease is given back by its owner, and it is due at `wake_at`."""

    job: Job
    owner: str
    wake_at: float | None
