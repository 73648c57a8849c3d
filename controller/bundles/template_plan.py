"""The compiler's plan made from a recipe's template: what the recipe does not set itself goes through the rewriter."""

from __future__ import annotations

from pathlib import Path

from controller.bundles.plan import Plan
from controller.bundles.source import Source
from controller.recipes.base import PackOptions


def make_plan(root: Path, source: Source, recipe: str | None = None, options: PackOptions | None = None) -> Plan:
    """Return the plan of the template at `root` with database `source`; `recipe` names one, None finds it.

    Raises ShoplaunchError `not_this_application`, `unknown_version`, `config_unreadable`, `prefix_mismatch`,
    `domain_unknown`, `several_domains`, `admin_folder_unknown`, `admin_missing`.
    """
    raise NotImplementedError
