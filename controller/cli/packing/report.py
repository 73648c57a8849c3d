"""Print a packing's report: a headline, then each group as one line, or everything on request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from controller.bundles.headline import headline
from controller.bundles.packing_report import PackingReport
from controller.bundles.summary import SHOWN_ROWS, Section, sections
from controller.cli.terminal.output import print_facts, printable
from controller.cli.terminal.tables import shortened, terminal_width

if TYPE_CHECKING:
    from shared.documents import Manifest

_PROGRAM_WIDTH = 120
_TITLE_WIDTH = 30
_COUNT_WIDTH = 4
#: Sections that need action.
_ALWAYS_WHOLE = ("Problems", "Findings")


def print_packed(manifest: Manifest, size: int, report: PackingReport, *, full: bool) -> None:
    """Print the report on a bundle."""
    print_headline(headline(manifest, size, report))
    shown = sections(manifest, size, report)
    print_sections(shown) if full else print_folded(shown)


def print_checked(shown: Sequence[Section], *, full: bool) -> None:
    """Print the report of a check: its numbers folded, its problems in full."""
    if full:
        print_sections(shown)
        return
    print_folded([section for section in shown if section.title not in _ALWAYS_WHOLE])
    print_sections([section for section in shown if section.title in _ALWAYS_WHOLE])


def print_headline(lines: Sequence[tuple[str, str]]) -> None:
    """Print the headline, a line for each fact."""
    print_facts(lines)
    click.echo()


def print_folded(shown: Sequence[Section]) -> None:
    """Print each section as one line: its number of rows, and how it begins."""
    if not shown:
        return
    width = terminal_width() or _PROGRAM_WIDTH
    widest = min(_TITLE_WIDTH, max(len(section.title) for section in shown))
    for section in shown:
        title, count = shortened(_title(section), widest), f"{len(section.rows):>{_COUNT_WIDTH}}"
        beginning = shortened(_beginning(section), width - widest - _COUNT_WIDTH - 4)
        click.echo(f"{title:<{widest}}  {count}  {click.style(beginning, dim=True)}".rstrip())
    click.echo("--full shows all of it, --json for programs.")
    click.echo()


def print_sections(shown: Sequence[Section]) -> None:
    """Print all rows of each section as tables."""
    for section in shown:
        click.echo(click.style(shortened(_title(section), _PROGRAM_WIDTH), italic=True))
        print_facts(section.rows[:SHOWN_ROWS], bold=False, indent="  ")
        if len(section.rows) > SHOWN_ROWS:
            click.echo(f"  … and {len(section.rows) - SHOWN_ROWS} more (see --json)")
        click.echo()


def _title(section: Section) -> str:
    # Parts of a report are named by who packed the bundle
    return printable(section.title).replace("\n", " ")


def _beginning(section: Section) -> str:
    return printable("; ".join(f"{what} {shown}".strip() for what, shown in section.rows[:3]).replace("\n", " "))
