"""Step php: a PHP that runs the shop serves its site."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from controller.jobs.steps.work import Outcome, Work


def run(work: Work) -> Outcome:
    """Raises panel_*, bundle_*."""
    version = work.tools.panel.ensure_php(work.account, *php_needs(work.manifest()))
    return Outcome(facts={"php": version}, note=version)


def php_needs(manifest: Mapping[str, Any]) -> tuple[str, str | None, Sequence[str]]:
    """Return (minimum, maximum or None, extensions) of the PHP that the bundle needs."""
    needs = manifest["requirements"]["php"]
    return needs["min"], needs.get("max"), needs["extensions"]
