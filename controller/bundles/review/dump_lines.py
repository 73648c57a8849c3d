"""Finds the lines of a dump that hold the rows of findings."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from controller.bundles.residue.findings import DEFINITION, NUMBER, Finding, masked
from controller.bundles.residue.search import Searcher
from controller.bundles.review.known_forms import PREFIX, form_of, forms_in
from controller.bundles.source.dumps.dump_file import pieces
from controller.recipes.secrets import forms

_INSERT = re.compile(
    rb"\s*(?:INSERT|REPLACE)\s+(?:(?:DELAYED|LOW_PRIORITY|IGNORE)\s+)*(?:INTO\s+)?[`\"]?([^`\"\s(]+)", re.IGNORECASE
)


def with_dump_lines(dump: Path | None, findings: Sequence[Finding], needles: Mapping[str, bytes]) -> list[Finding]:
    """Return the findings with the line of `dump` in which each row stands, where it can be determined."""
    if dump is None:
        return list(findings)
    if any(one.place.part.startswith(DEFINITION) for one in findings):
        findings = _with_definitions(dump, findings)
    wanted = [one for one in findings if one.place.key]
    if not wanted:
        return list(findings)
    lines = _lines(dump, wanted, {one.what: needles[one.what] for one in wanted if one.what in needles})
    return [replace(one, dump_line=_of(one, lines)) if one.place.key else one for one in findings]


#: (needle's label, table) -> (number, line) of the lines with it.
_Lines = Mapping[tuple[str, str], list[tuple[int, bytes]]]


def _lines(dump: Path, wanted: Sequence[Finding], needles: Mapping[str, bytes]) -> _Lines:
    """Return the lines that hold a needle, among rows of the findings' tables."""
    tables = {one.place.table.encode("utf-8") for one in wanted}
    searcher = Searcher(needles)
    by_form = any(form_of(one.what) for one in wanted)
    found: dict[tuple[str, str], list[tuple[int, bytes]]] = defaultdict(list)
    number, rest, table = 0, b"", b""
    for piece in (*pieces(dump), b"\n"):
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            number += 1
            begins = _INSERT.match(line)
            table = begins.group(1) if begins else table
            if table in tables:
                for label in [*searcher.found_in(line, True), *(forms_in(line) if by_form else ())]:
                    found[(label, table.decode())].append((number, line))
    return found


def _with_definitions(dump: Path, findings: Sequence[Finding]) -> list[Finding]:
    """Return the findings of definitions with the first line outside of rows that holds such a secret."""
    found: dict[tuple[str, str], int] = {}
    number, rest, is_row = 0, b"", False
    for piece in (*pieces(dump), b"\n"):
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            number += 1
            is_row = is_row or _INSERT.match(line) is not None
            for one in () if is_row or not forms.may_hold(line) else forms.met(line):
                found.setdefault((f"{PREFIX}{one.label}", masked(one.value)), number)
            is_row = is_row and not line.rstrip().endswith(b";")
    return [
        replace(one, dump_line=found.get((one.what, one.shown), 0)) if one.place.part.startswith(DEFINITION) else one
        for one in findings
    ]


def _of(finding: Finding, lines: _Lines) -> int:
    parts = [value.encode("utf-8") for column, value in finding.place.key if column != NUMBER]
    for number, line in lines.get((finding.what, finding.place.table), []):
        if all(re.search(rb"(?<![\w.-])" + re.escape(part) + rb"(?![\w.-])", line) for part in parts):
            return number
    return 0
