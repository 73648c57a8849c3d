"""A kind of follow-up job -> its change, from the module of its name."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from controller.follow_up_kinds import KINDS
from controller.jobs.steps.follow_ups.change import Change


@cache
def change_of(kind: str) -> Change:
    """Return the change that jobs of `kind` make."""
    found: Change = import_module(f"{__package__}.{kind}").CHANGE
    return found


# At once, not when a job is met: the files may be those of a newer version by then
for _kind in KINDS:
    change_of(_kind)
