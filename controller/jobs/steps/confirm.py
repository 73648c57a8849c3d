"""Step confirm: the change of a follow-up job is checked from outside, as a client would see it."""

from __future__ import annotations

from controller.jobs.lifecycle import expectation
from controller.jobs.lifecycle.step_context import Outcome, Work
from controller.jobs.steps.check import during_cleanup
from controller.jobs.steps.follow_ups.registry import change_of
from controller.jobs.steps.follow_ups.site import front, site_of, visit


def run(work: Work) -> Outcome:
    """Check the change. Raises leftovers, check_failed, panel_*; StepWaits while the agent cleans up."""
    confirmation = _front_over_http if work.is_back else change_of(work.job.kind).look
    seen, removed = during_cleanup(work, lambda: confirmation(work))
    now = work.tools.clock()
    note = "; ".join(filter(None, [seen, removed]))
    return Outcome(note=note, effect=lambda connection: expectation.note(connection, work.job, now))


def _front_over_http(work: Work) -> str:
    visit(work, site_of(work), front(work))
    return "the shop answers over http as before"
