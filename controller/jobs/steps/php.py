"""Step php: a PHP that runs the shop serves its site."""

from __future__ import annotations

from controller.jobs.steps.work import Outcome, Work


def run(work: Work) -> Outcome:
    """Raises panel_*, bundle_*."""
    needs = work.manifest()["requirements"]["php"]
    version = work.tools.panel.ensure_php(work.account, needs["min"], needs.get("max"), needs["extensions"])
    return Outcome(facts={"php": version}, note=version)
