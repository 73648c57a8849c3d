"""Step tls: whether the shop gets a TLS certificate."""

from __future__ import annotations

from controller.jobs.steps.work import Outcome, Work


def run(work: Work) -> Outcome:
    """The `local` panel serves plain http only."""
    return Outcome(skipped=True, note=f"sites of a {work.tools.panel.kind} server are served over http")
