"""How a packing's report is printed: what matters first, the rest a line per group, and all of it when asked."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from controller.bundles.headline import headline
from controller.bundles.summary import SHOWN_ROWS, Section, sections

_PROGRAM_WIDTH = 120
_TITLE_WIDTH = 30
_COUNT_WIDTH = 4
#: What asks for something to be done.
_ALWAYS_WHOLE = ("Problems", "Findings")


def print_packed(manifest: Mapping[str, Any], size: int, report: Mapping[str, Any], *, full: bool) -> None:
    """Print what is to be told of a bundle."""
    print_headline(headline(manifest, size, report))
    told = sections(manifest, size, report)
    print_sections(told) if full else print_folded(told)


def print_checked(told: Sequence[Section], *, full: bool) -> None:
    """Print what a check says of a template: its numbers folded, what is to be done about it whole."""
    if full:
        print_sections(told)
        return
    print_folded([section for section in told if section.title not in _ALWAYS_WHOLE])
    print_sections([section for section in told if section.title in _ALWAYS_WHOLE])


def print_headline(lines: Sequence[tuple[str, str]]) -> None:
    """Print what matters, a line each."""
    console = _console()
    widest = max((len(label) for label, _ in lines), default=0)
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold", no_wrap=True, width=widest)
    table.add_column(no_wrap=True, overflow="ellipsis", width=console.width - widest - 2)
    for label, told in lines:
        table.add_row(label, told)
    console.print(table)
    console.print()


def print_folded(told: Sequence[Section]) -> None:
    """Print each section as one line: how many rows it has, and how it begins."""
    if not told:
        return
    console = _console()
    widest = min(_TITLE_WIDTH, max(len(section.title) for section in told))
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True, overflow="ellipsis", width=widest)
    table.add_column(no_wrap=True, justify="right", width=_COUNT_WIDTH)
    table.add_column(no_wrap=True, overflow="ellipsis", style="dim", width=console.width - widest - _COUNT_WIDTH - 4)
    for section in told:
        table.add_row(section.title, str(len(section.rows)), _beginning(section))
    console.print(table)
    console.print("--full shows all of it, --json for programs.")
    console.print()


def print_sections(told: Sequence[Section]) -> None:
    """Print all rows of each section as tables."""
    console = _console()
    for section in told:
        console.print(section.title, style="italic")
        table = Table(show_header=False, box=None, padding=(0, 2))
        for _column in range(2):
            table.add_column(overflow="fold")
        for row in section.rows[:SHOWN_ROWS]:
            table.add_row(*row)
        if len(section.rows) > SHOWN_ROWS:
            table.add_row(f"… and {len(section.rows) - SHOWN_ROWS} more (see --json)", "")
        console.print(table)
        console.print()


def _beginning(section: Section) -> str:
    return "; ".join(f"{what} {told}".strip() for what, told in section.rows[:3]).replace("\n", " ")


def _console() -> Console:
    return Console(width=None if sys.stdout.isatty() else _PROGRAM_WIDTH, markup=False, highlight=False)
