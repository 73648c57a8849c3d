"""Findings of `shoplaunch pack`: ask about them at a terminal, read and write files of decisions."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import click

from controller.bundles.packing_report import PackingReport
from controller.bundles.pipeline import Packed
from controller.bundles.residue.findings import Finding, ResidueFound
from controller.bundles.review import decisions as files
from controller.bundles.review.decisions import REPLACE, Decision, Decisions, choices_of
from controller.cli.packing.check import Checked
from controller.cli.terminal.confirmation import require_name

#: Packs once, with decisions.
Packing = Callable[[Decisions | None], Packed]
#: Packings in one go: removing one finding may reveal another.
_ROUNDS = 5
_LEAVE = "stop"
_MEANINGS = {
    "remove": "leave the row, file or all rows of the table out", "blank": "make the value empty",
    "replace": "put another text there",
    "accept": "let it stay", _LEAVE: "decide nothing and stop",
}  # fmt: skip


def read(path: Path | None, check: bool) -> Decisions | None:
    """Return the decisions of `--decisions`; a check may begin a file. Raises ShoplaunchError `decisions_invalid`."""
    if path is not None:
        require_name(path)
    if path is None or (check and not path.exists()):
        return None if path is None else Decisions()
    return files.read(path)


def pack(pack: Packing, decisions: Decisions | None, path: Path | None, as_json: bool) -> Packed:
    """Pack with decisions; at a terminal ask about undecided findings. Raises as `pack` does."""
    asking = not as_json and sys.stdin.isatty() and sys.stderr.isatty()
    packed = _asking(pack, decisions or Decisions(), path) if asking else pack(decisions)
    for one in packed.report.get("decisions_without_effect", []):
        place = ", ".join(f"{key} {value}" for key, value in one.items() if key not in ("what", "decision"))
        click.echo(f"This decision fits nothing any more: {one['decision']} {one['what']} at {place}", err=True)
    return packed


def _asking(pack: Packing, known: Decisions, path: Path | None) -> Packed:
    """Pack; ask about each finding and pack again with the answers, until none is left."""
    asked = 0
    for _ in range(_ROUNDS):
        try:
            packed = pack(known if known.entries else None)
        except ResidueFound as problem:
            answers = _answers(problem.findings, known)
            if answers is None:
                raise
            for answer in answers:
                known.put(answer)
            asked += len(answers)
        else:
            _offer(known, path, asked, packed.report)
            return packed
    return pack(known)


def write_open(path: Path, decisions: Decisions, checked: Checked) -> None:
    """Write the file of a check: earlier decisions stay, new findings are open."""
    added = decisions.add_open(checked.findings())
    strange = [one for one in decisions.decided() if one.as_json() in checked.unused()]
    files.write(path, decisions, strange)
    open_entries = sum(one.decision == files.UNDECIDED for one in decisions.entries.values())
    click.echo(f"{path}: {open_entries} to decide, {added} of them new", err=True)


def _answers(findings: list[Finding], known: Decisions) -> list[Decision] | None:
    """Return the answers about all findings that can be decided, None when packing is to end."""
    groups: dict[tuple[object, ...], list[Finding]] = {}
    for finding in findings:
        if not choices_of(finding) or known.of(finding) in list(known.decided()):
            # It was decided, and is still found
            return None
        alike = finding.what, finding.shown, bool(finding.place.table), choices_of(finding)
        groups.setdefault(alike, []).append(finding)
    click.echo(f"{len(findings)} places hold something of the template.", err=True)
    answers: list[Decision] = []
    for group in groups.values():
        made = _asked(group)
        if made is None:
            return None
        answers += made
    return answers


def _asked(group: list[Finding]) -> list[Decision] | None:
    click.echo("", err=True)
    for finding in group:
        click.echo(finding.sentence(), err=True)
    choices = [*choices_of(group[0]), _LEAVE]
    click.echo("; ".join(f"{choice}: {_MEANINGS[choice]}" for choice in choices), err=True)
    many = f"All {len(group)} of them" if len(group) > 1 else "What becomes of it"
    choice = click.prompt(many, type=click.Choice(choices), err=True)
    if choice == _LEAVE:
        return None
    text = click.prompt("Which text", default="", show_default=False, err=True) if choice == REPLACE else ""
    return [Decision(one.what, one.place, choice, text, (one.sentence(),)) for one in group]


def _offer(known: Decisions, path: Path | None, asked: int, report: PackingReport) -> None:
    if not asked:
        return
    if path is None:
        path = _asked_file()
    if path is not None:
        unused = report.get("decisions_without_effect", [])
        files.write(path, known, [one for one in known.decided() if one.as_json() in unused])
        click.echo(f"{path} holds the decisions: give it with --decisions", err=True)


def _asked_file() -> Path | None:
    """Return the path for the decisions: a new file, or one that may be replaced; None for nowhere."""
    while True:
        text = "Keep these decisions in which file (empty: none)"
        named = click.prompt(text, default="", show_default=False, err=True)
        path = Path(named) if named else None
        if path is None or not path.exists() or click.confirm(f"{path} exists already. Replace it?", err=True):
            return path
