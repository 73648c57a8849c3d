"""`shoplaunch pack --check`: report a template's content and problems, without leaving a bundle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from controller.bundles import pipeline as compiler
from controller.bundles.pack.progress import Progress
from controller.bundles.packing_report import ReportedDecision, Survey
from controller.bundles.residue.findings import Finding, ResidueFound
from controller.bundles.review.decisions import choices_shown
from controller.bundles.source.database.snapshot import Source
from controller.bundles.source.survey import survey_database, survey_tree
from controller.bundles.source.tree.walk import Tree
from controller.bundles.summary import Section, survey_sections
from controller.bundles.template_plan import TemplatePlan
from shared.errors import ShoplaunchError

Found = TypeVar("Found")
#: Makes the recipe's plan of a template.
MakePlan = Callable[[Tree, Source], TemplatePlan]


@dataclass
class Checked:
    """The result of a check: the template in numbers, the problems, and the bundle that would result."""

    template: Survey = field(default_factory=Survey)
    problems: list[ShoplaunchError] = field(default_factory=list)
    packed: compiler.Packed | None = None

    def findings(self) -> list[Finding]:
        """Return the findings that need a decision."""
        return [one for problem in self.problems if isinstance(problem, ResidueFound) for one in problem.findings]

    def unused(self) -> list[ReportedDecision]:
        """Return the decisions that matched nothing."""
        if self.packed is not None:
            return list(self.packed.report.get("decisions_without_effect", []))
        return [one for problem in self.problems if isinstance(problem, ResidueFound) for one in problem.unused]

    def as_json(self) -> dict[str, object]:
        """Return the check for programs; "error" is the first problem."""
        problems = [problem.as_dict() for problem in self.problems]
        findings = [finding.as_json() for finding in self.findings()]
        document: dict[str, Any] = {"template": self.template, "problems": problems, "findings": findings}
        if self.packed is None:
            return {"error": problems[0], **document}
        packed = self.packed
        return {**document, "size": packed.size, "manifest_sha256": packed.manifest_sha256, "report": packed.report,
                "manifest": packed.manifest}  # fmt: skip

    def sections(self) -> list[Section]:
        """Return the sections about the template, and its problems."""
        problems = [(problem.code, problem.message) for problem in self.problems]
        found = [(one.sentence(), choices_shown(one)) for one in self.findings()]
        more = [Section(title, rows) for title, rows in (("Problems", problems), ("Findings", found)) if rows]
        return [*survey_sections(self.template), *more]


def check(request: compiler.Request, make_plan: MakePlan, progress: Progress) -> Checked:
    """Survey the template and pack it for trial; report as many problems as possible in one run."""
    checked = Checked()

    def looked_over(tree: Tree, source: Source) -> TemplatePlan:
        progress.phase("surveying the template")
        checked.template["database"] = survey_database(source)
        plan = _noted(checked, lambda: make_plan(tree, source))
        if plan is not None:
            written = list(plan.settings_written())
            known: Survey = {"application": dict(plan.application)}
            if written:
                known["settings_written"] = written
            checked.template = {**known, **checked.template}
        excluded = plan.left_out if plan is not None else _nothing
        checked.template["files"] = _noted(checked, lambda: survey_tree(tree, excluded)) or {}
        if plan is None or checked.problems:
            raise checked.problems[0]
        return plan

    try:
        checked.packed = compiler.pack(request, looked_over, progress)
    except ShoplaunchError as problem:
        if problem not in checked.problems:
            checked.problems.append(problem)
    return checked


def _noted(checked: Checked, look: Callable[[], Found]) -> Found | None:
    try:
        return look()
    except ShoplaunchError as problem:
        checked.problems.append(problem)
        return None


def _nothing(_path: bytes, _is_directory: bool) -> None:
    return None
