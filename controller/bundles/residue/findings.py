"""Defines a finding: what would be left of the template, where it stands there, and how it is shown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from controller.bundles.packing_report import FindingDocument, PlaceDocument, ReportedDecision
from controller.recipes.secrets import forms
from shared.errors import ShoplaunchError

#: Kinds of needles (`Plan.kinds`).
SECRET, SUSPECTED, CREDENTIAL, DOMAIN, PATH = "secret", "suspected secret", "credential", "domain", "path"
#: A table that may hold personal data: found by its columns, and decided as a whole.
PEOPLE = "personal data"
#: The beginning of places within the database's definitions.
DEFINITION = "the definition of "
#: The key of a row in a table without one: its number in the table's order.
NUMBER = "row"
#: The visible part of a secret: one character in eight at each end, two at most, none where it could be guessed.
_SHOWN_ENDS = 2
_SHOWN_OF = 8
_AROUND_BYTES = 30
#: Bytes around a shown text in which a secret that overlaps it may begin or end.
_FAR_BYTES = 4096
_ACCESS = re.compile(rb"(://[^/\s:@]{0,80}):[^/\s@]{1,200}@")
#: Findings listed in an error's message.
SHOWN_FINDINGS = 20


@dataclass(frozen=True, order=True)
class Place:
    """Where something stands in a template: a cell of a row, a line of a file, or a part of a bundle.

    `key` are (column, value) pairs of the row's key; of a table without one, (NUMBER, number) in the table's order.
    Without column and key it is the whole table.
    `line` 0 means a file without lines, `is_name` the file's name. `part` is anything else, in words.
    """

    table: str = ""
    column: str = ""
    key: tuple[tuple[str, str], ...] = ()
    file: str = ""
    line: int = 0
    is_name: bool = False
    part: str = ""

    @property
    def is_table(self) -> bool:
        """It is a whole table."""
        return bool(self.table) and not self.key

    def shown(self) -> str:
        """Return the place in one line, for people."""
        if self.is_table:
            return printable(f"the table {self.table}")
        if self.table:
            key = ", ".join(f"{column} {value}" for column, value in self.key)
            return printable(f"{self.table}.{self.column}, {key}")
        if self.file:
            where = "(name)" if self.is_name else f"line {self.line}" if self.line else "(binary)"
            return printable(f"{self.file} {where}")
        return printable(self.part)

    def as_json(self) -> PlaceDocument:
        """Return the place as JSON and decisions files name it."""
        if self.is_table:
            return {"table": self.table}
        if self.table:
            return {"table": self.table, "column": self.column, "key": dict(self.key)}
        if self.file:
            made: PlaceDocument = {"file": self.file}
            if self.is_name:
                made["name"] = True
            elif self.line:
                made["line"] = self.line
            return made
        return {"part": self.part}


@dataclass(frozen=True)
class Finding:
    """A part of the template at one place. `what` is the label of the needle, `shown` the value masked.

    `about` names the row if it has a name, `dump_line` is 0 when the line of the dump is unknown.
    """

    what: str
    place: Place
    kind: str
    shown: str
    about: str = ""
    dump_line: int = 0

    @property
    def proven(self) -> bool:
        """It is certainly a secret: it must not stay."""
        return self.kind == SECRET

    def sentence(self) -> str:
        """Return the finding as a sentence for people, the value masked."""
        about = f" ({printable(self.about)})" if self.about else ""
        line = f", line {self.dump_line} of the dump" if self.dump_line else ""
        doubt = ", suspected" if self.kind == SUSPECTED else ""
        return f"{self.place.shown()}{about}{line}: {self.what}{doubt}, {self.shown}"

    def as_json(self) -> FindingDocument:
        """Return the finding as JSON."""
        made: FindingDocument = {
            "what": self.what,
            "kind": self.kind,
            "proven": self.proven,
            "shown": self.shown,
            "place": self.place.as_json(),
        }
        if self.about:
            made["about"] = self.about
        if self.dump_line:
            made["dump_line"] = self.dump_line
        return made


class ResidueFound(ShoplaunchError):
    """Parts of the template would be left: `findings` are those the operator has to decide.

    `unused` are decisions, as a report names them, that matched nothing.
    """

    def __init__(self, findings: Sequence[Finding], unused: Sequence[ReportedDecision] = ()) -> None:
        sentences = [finding.sentence() for finding in findings]
        more = f" and {len(sentences) - SHOWN_FINDINGS} more" if len(sentences) > SHOWN_FINDINGS else ""
        super().__init__(
            "residue_in_bundle", "; ".join(sentences[:SHOWN_FINDINGS]) + more, places=sentences,
            findings=[finding.as_json() for finding in findings],
        )  # fmt: skip
        self.findings = list(findings)
        self.unused = list(unused)


def masked(value: bytes) -> str:
    """Return the visible part of a secret: enough to recognise it, and no more."""
    text = value.decode("utf-8", "replace")
    length = f"({len(text)} characters)"
    ends = min(_SHOWN_ENDS, len(text) // _SHOWN_OF)
    if not ends:
        return f"… {length}"
    return f"{printable(text[:ends])}…{printable(text[-ends:])} {length}"


def in_context(data: bytes, start: int, end: int, secrets: Iterable[bytes]) -> str:
    """Return `data[start:end]` with some of the text around it; other `secrets` there are masked."""
    first = max(0, start - _FAR_BYTES)
    hidden = [(first + one.start, first + one.end) for one in forms.met(data[first : end + _FAR_BYTES])]
    hidden += [hit.span() for hit in _ACCESS.finditer(data, first, end + _FAR_BYTES)]
    around = _hidden(data, max(0, start - _AROUND_BYTES), min(len(data), end + _AROUND_BYTES), hidden, (start, end))
    for secret in secrets:
        around = around.replace(secret, b"***")
    # A text cut in the middle of a secret would show a part of it
    for secret in secrets:
        for size in range(min(len(secret), _AROUND_BYTES), 3, -1):
            if around.startswith(secret[-size:]):
                around = b"***" + around[size:]
                break
        for size in range(min(len(secret), _AROUND_BYTES), 3, -1):
            if around.endswith(secret[:size]):
                around = around[:-size] + b"***"
                break
    return f"…{printable(around.decode('utf-8', 'replace'))}…"


def _hidden(data: bytes, first: int, last: int, hidden: Iterable[tuple[int, int]], kept: tuple[int, int]) -> bytes:
    """Return `data[first:last]` with the `hidden` spans masked, except for the span `kept`."""
    parts, at = [], first
    for start, end in sorted(hidden):
        for begin, stop in ((start, min(end, kept[0])), (max(start, kept[1]), end)):
            begin, stop = max(begin, at), min(stop, last)
            if begin < stop:
                parts += [data[at:begin], b"***"]
                at = stop
    return b"".join(parts) + data[at:last]


def printable(text: str) -> str:
    """Return a text in one line, without control characters that a terminal would obey."""
    return re.sub(r"\s+", " ", "".join(one if one.isprintable() or one.isspace() else "?" for one in text))


def kind_of(what: str, kinds: Mapping[str, str]) -> str:
    """Return the kind of a needle; an unknown one counts as a secret."""
    return kinds.get(what, SECRET)


def base_label(what: str) -> str:
    """Return a needle's label without its number: hosts and narrower spellings are numbered in order."""
    return re.sub(r" \([0-9]+\)(?= of the template$)", "", what)
