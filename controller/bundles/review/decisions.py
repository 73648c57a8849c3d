"""Reads and writes the operator's decisions about findings as a TOML file. It names places, never values."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from controller.bundles.pack.writer import disk_errors
from controller.bundles.packing_report import DecisionDocument
from controller.bundles.residue.findings import NUMBER, Finding, Place
from controller.files import alone, remove_unfinished, write_durably
from shared.errors import ShoplaunchError

REMOVE, BLANK, REPLACE, ACCEPT, UNDECIDED = "remove", "blank", "replace", "accept", ""
CHOICES = (REMOVE, BLANK, REPLACE, ACCEPT)
_KEYS = frozenset({"what", "decision", "with", "table", "column", "key", "file", "line", "name", "part"})
#: Enough for an entry for each of a hundred thousand findings.
_MOST_BYTES = 32 * 1024 * 1024
_HEAD = """\
# Decisions of `shoplaunch pack` about what it found of the template. Each entry names a place; values stand nowhere.
#   decision = "remove"    the row, file or all rows of the table are left out
#   decision = "blank"     the value becomes empty
#   decision = "replace"   the value becomes the text of `with`
#   decision = "accept"    it stays; not for a secret beyond doubt
#   decision = ""          not decided yet: packing ends there
"""


@dataclass(frozen=True)
class Decision:
    """One entry: the decision about `what` (a needle's label) at a `place`; `text` is the replacement.

    `comment` holds lines for people.
    """

    what: str
    place: Place
    decision: str = UNDECIDED
    text: str = ""
    comment: tuple[str, ...] = ()

    def as_json(self) -> DecisionDocument:
        """Return the entry as a report keeps it, without the replacement, which may hold anything."""
        return {"what": self.what, "decision": self.decision, **self.place.as_json()}


@dataclass
class Decisions:
    """The entries by what and place, in the order of the file."""

    entries: dict[tuple[str, Place], Decision] = field(default_factory=dict)

    def of(self, finding: Finding) -> Decision | None:
        """Return the decision about a finding, None without an entry."""
        return self.entries.get((finding.what, finding.place))

    def decided(self) -> Iterator[Decision]:
        """Yield the entries with a decision."""
        return (one for one in self.entries.values() if one.decision != UNDECIDED)

    def put(self, decision: Decision) -> None:
        """Add an entry, or replace its decision."""
        self.entries[(decision.what, decision.place)] = decision

    def add_open(self, findings: Iterable[Finding]) -> int:
        """Add entries, undecided, for findings that have none; return their number."""
        added = 0
        for finding in findings:
            comment = (finding.sentence(), choices_shown(finding))
            known = self.of(finding)
            added += known is None
            self.put(
                replace(known, comment=comment) if known else Decision(finding.what, finding.place, comment=comment)
            )
        return added


def choices_of(finding: Finding) -> tuple[str, ...]:
    """Return the possible decisions about a finding."""
    place = finding.place
    if place.part:
        possible: tuple[str, ...] = (ACCEPT,)
    elif place.file and (place.is_name or not place.line):
        possible = (REMOVE, ACCEPT)
    elif place.is_table:
        possible = (REMOVE, BLANK, ACCEPT)
    elif place.table and place.key[:1] and place.key[0][0] == NUMBER:
        possible = (BLANK, REPLACE, ACCEPT)
    else:
        possible = CHOICES
    return tuple(one for one in possible if one != ACCEPT or not finding.proven)


def choices_shown(finding: Finding) -> str:
    """Return a sentence about the possible decisions."""
    choices = choices_of(finding)
    return "possible: " + ", ".join(choices) if choices else "has to be changed in the template itself"


def read(path: Path) -> Decisions:
    """Return the decisions in a file. Raises ShoplaunchError `decisions_invalid`."""
    try:
        with path.open("rb") as stream:
            content = stream.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            raise _wrong(f"{path.name} has more than {_MOST_BYTES} bytes: this is no file of decisions")
        document = tomllib.loads(content.decode("utf-8"))
    except OSError as problem:
        raise _wrong(f"{path}: {problem.strerror}") from problem
    except (ValueError, RecursionError) as problem:
        raise _wrong(f"{path.name} is not TOML: {problem}"[:300]) from problem
    unknown = set(document) - {"decision"}
    entries = document.get("decision", [])
    if unknown or not isinstance(entries, list):
        raise _wrong(f"{path.name} holds {', '.join(sorted(unknown)) or 'decision'}, and may hold [[decision]] only")
    found = Decisions()
    for number, entry in enumerate(entries, 1):
        decision = _entry(entry, f"entry {number}")
        if (decision.what, decision.place) in found.entries:
            raise _wrong(f"entry {number}: {decision.place.shown()} is decided twice")
        found.put(decision)
    return found


def write(path: Path, decisions: Decisions, unused: Iterable[Decision] = ()) -> None:
    """Write all entries; mark those of `unused` as matching nothing any more. Raises ShoplaunchError `disk_full`."""
    fits_nothing = {(one.what, one.place) for one in unused}
    parts = [_HEAD]
    for key, one in decisions.entries.items():
        comment = ["fits nothing in the template any more"] if key in fits_nothing else list(one.comment)
        parts.append("\n" + "".join(f"# {line}\n" for line in comment) + _written(one))
    with disk_errors(path), alone(path.parent):
        remove_unfinished(path)
        # Private: it quotes the template
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o600
        write_durably(path, "".join(parts).encode("utf-8"), mode)


def _written(one: Decision) -> str:
    lines = ["[[decision]]", f"what = {_toml(one.what)}"]
    for key, value in one.place.as_json().items():
        lines.append(f"{key} = {_toml(value)}")
    lines.append(f"decision = {_toml(one.decision)}")
    if one.decision == REPLACE:
        lines.append(f"with = {_toml(one.text)}")
    return "\n".join(lines) + "\n"


def _toml(value: object) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_toml(key)} = {_toml(item)}" for key, item in value.items()) + " }"
    if isinstance(value, str):
        # TOML reads JSON's escapes in the same way, except DEL
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")
    return json.dumps(value)


def _entry(entry: object, shown: str) -> Decision:
    if not isinstance(entry, dict):
        raise _wrong(f"{shown} is not a table")
    unknown = set(entry) - _KEYS
    if unknown:
        raise _wrong(f"{shown}: unknown key {sorted(unknown)[0][:80]!r}; known: {', '.join(sorted(_KEYS))}")
    what, decision = _text(entry, "what", shown), _text(entry, "decision", shown)
    if decision not in (*CHOICES, UNDECIDED):
        raise _wrong(f"{shown}: unknown decision {decision[:80]!r}; known: {', '.join(CHOICES)}")
    if (decision == REPLACE) != ("with" in entry):
        raise _wrong(f'{shown}: `with` belongs to "replace", and to nothing else')
    place = _place(entry, shown)
    made = Decision(what, place, decision, _text(entry, "with", shown) if decision == REPLACE else "")
    _require_possible(made, shown)
    return made


def _place(entry: Mapping[str, object], shown: str) -> Place:
    kinds = [kind for kind in ("table", "file", "part") if kind in entry]
    if len(kinds) != 1:
        raise _wrong(f"{shown}: a place is one of table, file and part")
    allowed = {"table": {"table", "column", "key"}, "file": {"file", "line", "name"}, "part": {"part"}}[kinds[0]]
    strange = set(entry) & {"table", "column", "key", "file", "line", "name", "part"} - allowed
    if strange:
        raise _wrong(f"{shown}: {sorted(strange)[0]} does not belong to a {kinds[0]}")
    if kinds[0] == "table":
        if "key" not in entry and "column" not in entry:
            return Place(_text(entry, "table", shown))
        key = entry.get("key")
        if not isinstance(key, dict) or not key or not all(isinstance(part, str) for part in key.values()):
            raise _wrong(f"{shown}: key is a table of columns and their values, all in quotes")
        return Place(_text(entry, "table", shown), _text(entry, "column", shown), tuple(key.items()))
    if kinds[0] == "part":
        return Place(part=_text(entry, "part", shown))
    line, name = entry.get("line", 0), entry.get("name", False)
    if not isinstance(line, int) or isinstance(line, bool) or line < 0 or not isinstance(name, bool) or (line and name):
        raise _wrong(f"{shown}: line is a number, name is true; a file has one of them or none")
    path = _text(entry, "file", shown)
    if path.startswith("/") or ".." in path.split("/"):
        raise _wrong(f"{shown}: file is a path below the document root")
    return Place(file=path, line=line, is_name=name)


def _require_possible(one: Decision, shown: str) -> None:
    possible = (*choices_of(Finding(one.what, one.place, "", "")), ACCEPT, UNDECIDED)
    if one.decision not in possible:
        raise _wrong(f"{shown}: {one.place.shown()} cannot be decided by {one.decision!r}")


def _text(entry: Mapping[str, object], key: str, shown: str) -> str:
    value = entry.get(key)
    if not isinstance(value, str) or (not value and key not in ("decision", "with")):
        raise _wrong(f"{shown}: {key} is missing, or no text")
    return value


def _wrong(what: str) -> ShoplaunchError:
    return ShoplaunchError("decisions_invalid", what)
