"""Tables as lines of text.

Ids, addresses and dates, which users copy from a terminal, are never broken. Without a terminal each row is one
complete line.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Sequence

import click
from rich.cells import cell_len

#: Shown for a missing value.
NOTHING = "–"
#: Between two columns.
_GAP = "  "
_INDENT = "  "
#: Text is not put into narrower columns.
_TEXT_WIDTH = 16
#: A row's label may take one part in this many of the width.
_LABEL_PART = 2


def terminal_width() -> int | None:
    """Return how many columns the terminal at standard output has, None where there is none."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], width: int | None) -> list[str]:
    """Return the lines of a table.

    Rows are kept as they are where they fit into `width`, else their text is wrapped between words; where words alone
    are too wide, each row is `Heading: value` one after the other.
    """
    cells = [[_one_line(cell) for cell in row] for row in rows]
    widths = _widths([list(headings), *cells], width)
    if widths is None:
        return [line for row in cells for line in _record(headings, row, width or 0)]
    first, *others = [_row(row, widths) for row in [list(headings), *cells]]
    return [*(_styled(line, bold=True) for line in first), *(line for row in others for line in row)]


def labelled(rows: Iterable[tuple[str, str]], width: int | None, *, bold: bool = True, indent: str = "") -> list[str]:
    """Return `label value` lines; a value without room next to its label goes below it."""
    known = [(_one_line(label), _one_line(value)) for label, value in rows]
    inside = None if width is None else width - len(indent)
    longest = max((cell_len(label) for label, _ in known), default=0)
    column = longest if inside is None else min(longest, inside // _LABEL_PART)
    lines: list[str] = []
    for label, value in known:
        lines += [indent + line for line in _labelled(label, value, column, inside, bold)]
    return lines


def _labelled(label: str, value: str, column: int, width: int | None, bold: bool) -> list[str]:
    room = None if width is None else width - column - len(_GAP)
    if cell_len(label) <= column and (room is None or _longest_word(value) <= room):
        first, *more = wrapped(value, room)
        shown = _styled(label, bold) + " " * (column - cell_len(label))
        return [f"{shown}{_GAP}{first}".rstrip(), *(" " * column + _GAP + line for line in more)]
    above = [_styled(line, bold) for line in wrapped(label, width)]
    return [*above, *(_INDENT + line for line in wrapped(value, None if width is None else width - len(_INDENT)))]


def wrapped(text: str, width: int | None) -> list[str]:
    """Return the text in lines of at most `width`, broken only between words: a longer word has its own line."""
    if width is None or cell_len(text) <= width:
        return [text]
    lines: list[str] = []
    for word in text.split(" "):
        if lines and cell_len(lines[-1]) + 1 + cell_len(word) <= width:
            lines[-1] += " " + word
        else:
            lines.append(word)
    return lines


def shortened(text: str, width: int) -> str:
    """Return the text's first words that fit into `width`, and … where there are more."""
    if cell_len(text) <= width:
        return text
    first = wrapped(text, width - 2)[0]
    return f"{first} …" if cell_len(first) <= width - 2 else "…"


def _styled(text: str, bold: bool) -> str:
    return click.style(text, bold=True) if bold else text


def _one_line(text: str) -> str:
    return " ".join(text.split("\n"))


def _longest_word(text: str) -> int:
    return max(map(cell_len, text.split(" ")))


def _widths(rows: Sequence[Sequence[str]], width: int | None) -> list[int] | None:
    """Return each column's width, None when not even words fit."""
    columns = list(zip(*rows, strict=True))
    whole = [max(map(cell_len, column)) for column in columns]
    if width is None:
        return whole
    room = width - len(_GAP) * (len(columns) - 1)
    least = [
        min(natural, max(_TEXT_WIDTH, *map(_longest_word, column)))
        for natural, column in zip(whole, columns, strict=True)
    ]
    if sum(least) > room:
        return None
    return _filled(least, whole, room)


def _filled(least: list[int], whole: list[int], room: int) -> list[int]:
    """Return the widths with the remaining room shared evenly among columns that need more."""
    widths = list(least)
    while lacking := [at for at, wanted in enumerate(whole) if widths[at] < wanted]:
        share = (room - sum(widths)) // len(lacking)
        if share < 1:
            break
        for at in lacking:
            widths[at] += min(share, whole[at] - widths[at])
    return widths


def _row(cells: Sequence[str], widths: Sequence[int]) -> list[str]:
    parts = [wrapped(cell, width) for cell, width in zip(cells, widths, strict=True)]
    lines = []
    for number in range(max(map(len, parts))):
        shown = [part[number] if number < len(part) else "" for part in parts]
        padded = [text + " " * (width - cell_len(text)) for text, width in zip(shown, widths, strict=True)]
        lines.append(_GAP.join(padded).rstrip())
    return lines


def _record(headings: Sequence[str], cells: Sequence[str], width: int) -> list[str]:
    """Return a row as `Heading: value` after each other, continuation lines indented; empty values are left out."""
    lines: list[str] = []
    for heading, cell in zip(headings, cells, strict=True):
        if cell in ("", NOTHING):
            continue
        item = f"{heading}: {cell}"
        if lines and cell_len(lines[-1]) + len(_GAP) + cell_len(item) <= width:
            lines[-1] += _GAP + item
            continue
        inside = width - len(_INDENT)
        lines += [(_INDENT if lines or at else "") + line for at, line in enumerate(wrapped(item, inside))]
    return lines
