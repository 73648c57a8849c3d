"""Step unblock: billing lets the client use the service."""

from __future__ import annotations

from controller.jobs.steps.work import Outcome, Work


def run(work: Work) -> Outcome:
    """Mail alone blocks nobody."""
    return Outcome(skipped=True, note=f"nothing was blocked for orders by {work.job.source}")
