"""Finds the lines of a dump that hold the rows of findings."""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
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

#: A line of a dump is held up to this length, and lines with findings up to this many bytes: the first ones are named.
_LINE_BYTES, _MOST_KEPT_BYTES = 16 * 1024 * 1024, 256 * 1024 * 1024


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
    kept, table = 0, b""
    for number, line in _numbered(dump):
        begins = _INSERT.match(line)
        table = begins.group(1) if begins else table
        if table in tables:
            labels = [*searcher.found_in(line, True), *(forms_in(line) if by_form else ())]
            for label in labels:
                found[(label, table.decode())].append((number, line))
            kept += len(line) if labels else 0
        if kept > _MOST_KEPT_BYTES:
            break
    return found


def _numbered(dump: Path) -> Iterator[tuple[int, bytes]]:
    """Yield (number, line) of the dump; of a very long line one part after the other."""
    number, rest = 1, b""
    for piece in itertools.chain(pieces(dump), (b"\n",)):
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            yield number, line
            number += 1
        if len(rest) > _LINE_BYTES:
            yield number, rest
            rest = b""


def _with_definitions(dump: Path, findings: Sequence[Finding]) -> list[Finding]:
    """Return the findings of definitions with the first line outside of rows that holds such a secret."""
    found: dict[tuple[str, str], int] = {}
    is_row = False
    for number, line in _numbered(dump):
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
