"""A step's work in the plan -> the function that does it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from itertools import chain

from controller.jobs.lifecycle import plan
from controller.jobs.lifecycle.step_context import Outcome, Work


@cache
def run_of(work: str) -> Callable[[Work], Outcome]:
    """Return the function that `work` of a step names: MODULE, whose function is `run`, or MODULE.FUNCTION."""
    module, _, function = work.partition(".")
    found: Callable[[Work], Outcome] = getattr(import_module(f"{__package__}.{module}"), function or "run")
    return found


# At once, not when a step is first run: the files may be those of a newer version by then
for _step in chain(plan.PLAN.values(), plan.FOLLOW_UP_PLAN.values()):
    if _step.work is not None:
        run_of(_step.work)
