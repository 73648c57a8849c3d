"""Step unblock: billing lets the client use the service."""

from __future__ import annotations

from controller.jobs.lifecycle.step_context import Outcome, Work


def run(work: Work) -> Outcome:
    """Do nothing: mail blocks no client; WHMCS's addon polls the status and opens the client area itself."""
    if work.tools.billing.keeps_posted:
        return Outcome(note="the client area opens when billing asks for the status")
    return Outcome(skipped=True, note=f"nothing was blocked for orders by {work.job.source}")
