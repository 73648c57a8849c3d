"""Applies the operator's decisions to a plan: leaves out rows and files, empties or replaces values before packing."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

from controller.bundles.pack import digests
from controller.bundles.pack.plan import Plan
from controller.bundles.packing_report import PackingReport, ReportedDecision
from controller.bundles.residue.findings import NUMBER, Finding, Place, base_label
from controller.bundles.residue.search import Searcher
from controller.bundles.review import references
from controller.bundles.review.decisions import ACCEPT, BLANK, REMOVE, REPLACE, Decision, Decisions
from controller.bundles.review.known_forms import form_of
from controller.bundles.review.locate import key_bytes, key_of
from controller.bundles.review.substitution import substituted, without_form
from controller.bundles.source.database.snapshot import NUMBERS, Source, Table
from controller.bundles.source.servers.connections import Row
from controller.recipes.secrets import forms
from shared.errors import ShoplaunchError

#: More lines than a private key has.
_MOST_LINES = 400
DECIDED = "removed by a decision"
_Key = tuple[tuple[str, str], ...]
_Id = tuple[str, Place]


@dataclass(frozen=True)
class Seen:
    """What a branch has collected: its plan's collection, and the decisions that matched."""

    inner: object
    used: frozenset[_Id]


class DecidedPlan:
    """A `Plan`: `inner` with `decisions`. Those that match a part of the template are recorded in `used`."""

    def __init__(self, inner: Plan, decisions: Decisions, conditions: Mapping[str, str | None], used: set[_Id]) -> None:
        self._inner = inner
        self._decisions = decisions
        self._conditions = conditions
        self.used = used
        self.nonce = inner.nonce
        self.application = inner.application
        # In full, as long as it is unknown which of them have to be narrowed
        self._needles: dict[str, list[bytes]] = defaultdict(list)
        for label, needle in inner.needles().items():
            self._needles[base_label(label)].append(needle)
        self._rows: dict[str, dict[_Key, list[Decision]]] = defaultdict(lambda: defaultdict(list))
        self._files: dict[bytes, list[Decision]] = defaultdict(list)
        self._removed: dict[bytes, list[Decision]] = defaultdict(list)
        self._numbers: Counter[str] = Counter()
        self._blanked: dict[str, Decision] = {}
        for one in decisions.decided():
            if one.place.is_table:
                self._blanked |= {one.place.table: one} if one.decision == BLANK else {}
            elif one.decision in (BLANK, REPLACE):
                if one.place.table:
                    self._rows[one.place.table][one.place.key].append(one)
                else:
                    self._files[one.place.file.encode("utf-8")].append(one)
            elif one.decision == REMOVE and one.place.file:
                self._removed[one.place.file.encode("utf-8")].append(one)

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    def left_out(self, path: bytes, is_directory: bool) -> str | None:
        """Return why an entry is left out, None for one that is packed."""
        removed = self._removed.get(path, ())
        self._note(removed)
        return DECIDED if removed else self._inner.left_out(path, is_directory)

    def file(self, path: bytes, content: bytes) -> bytes:
        """Return a file's content as a template, with the decisions applied."""
        return self._inner.file(path, self._edited(path, content) if path in self._files else content)

    def condition(self, table: str) -> str | None:
        """Return the condition of the rows to pack."""
        return self._conditions[table] if table in self._conditions else self._inner.condition(table)

    def row(self, table: Table, row: Row) -> Row:
        """Return a row with its cells as templates, with the decisions applied."""
        if table.name in self._blanked:
            row = self._without_people(table, row)
        if table.name not in self._rows:
            return self._inner.row(table, row)
        self._numbers[table.name] += 1
        known, number = self._rows[table.name], self._numbers[table.name]
        found = list(known.get(key_of(table, row, number), ()))
        # A row whose key would show a secret is named by its number
        found += known.get(((NUMBER, str(number)),), ()) if table.key else ()
        return self._inner.row(table, self._changed(table, row, found) if found else row)

    def noticed(self) -> Sequence[Finding]:
        """Return the plan's findings, without tables that were emptied, wholly or in their columns."""
        decided = {one.place for one in self._decisions.decided() if one.place.is_table and one.decision != ACCEPT}
        return [one for one in self._inner.noticed() if one.place not in decided]

    def report(self) -> PackingReport:
        """Return the plan's report with the decisions that matched, and those that did not."""
        entries = sorted(self._decisions.decided(), key=lambda one: (one.place, one.what))
        fitting: list[ReportedDecision] = [one.as_json() for one in entries if (one.what, one.place) in self.used]
        others: list[ReportedDecision] = [one.as_json() for one in entries if (one.what, one.place) not in self.used]
        return {**self._inner.report(), "decisions": fitting, "decisions_without_effect": others}

    def changed_columns(self) -> list[str]:
        """Return the columns that decisions changed."""
        people = self._inner.people() if self._blanked else {}
        blanked = {f"{table}.{column}" for table in self._blanked for column in people.get(table, ())}
        rows = {f"{place.table}.{place.column}" for _, place in self.used if place.key and place.table in self._rows}
        return sorted(blanked | rows)

    def branch(self) -> Plan:
        """Return a plan of the same template with nothing collected yet."""
        return cast("Plan", DecidedPlan(self._inner.branch(), self._decisions, self._conditions, set()))

    def seen(self) -> object:
        """Return what was collected so far."""
        return Seen(self._inner.seen(), frozenset(self.used))

    def absorb(self, seen: object) -> None:
        """Add what a branch has collected."""
        assert isinstance(seen, Seen)
        self._inner.absorb(seen.inner)
        self.used |= seen.used

    def _note(self, decisions: Sequence[Decision]) -> None:
        self.used.update((one.what, one.place) for one in decisions)

    def _without_people(self, table: Table, row: Row) -> Row:
        """Return a row of a table of people with the columns that hold personal data emptied."""
        columns = self._inner.people().get(table.name, ())
        cells = list(row)
        for place, column in enumerate(table.stored):
            if column.name in columns and cells[place]:
                cells[place] = None if column.nullable else b"0" if column.kind in NUMBERS else b""
        self._note([self._blanked[table.name]] if cells != list(row) else [])
        return tuple(cells)

    def _changed(self, table: Table, row: Row, decisions: Sequence[Decision]) -> Row:
        names = [column.name for column in table.stored]
        cells = list(row)
        for one in decisions:
            place = names.index(one.place.column) if one.place.column in names else -1
            cell = cells[place] if place >= 0 else None
            if cell is None:
                continue
            cells[place] = self._without(one, cell)
            self._note([one] if cells[place] != cell else [])
        return tuple(cells) if tuple(cells) != tuple(row) else row

    def _without(self, one: Decision, cell: bytes) -> bytes:
        made = self._substituted(one, cell)
        # A text that cannot be cut out alone is removed with the text around it
        return one.text.encode("utf-8") if self._holds(one, made) else made

    def _holds(self, one: Decision, cell: bytes) -> bool:
        form = form_of(one.what)
        if form is not None:
            return any(met.label == form for met in forms.met(cell))
        olds = {str(number): old for number, old in enumerate(self._needles.get(one.what, ()))}
        return bool(olds and Searcher(olds).found_in(cell, True))

    def _substituted(self, one: Decision, data: bytes) -> bytes:
        form = form_of(one.what)
        if form is not None:
            return without_form(data, form, one.text.encode("utf-8"))
        for old in self._needles.get(one.what, ()):
            data = substituted(data, old, one.text.encode("utf-8"))
        return data

    def _edited(self, path: bytes, content: bytes) -> bytes:
        lines = content.split(b"\n")
        # From the end: a value may continue on the lines below
        for one in sorted(self._files[path], key=lambda each: -each.place.line):
            at = one.place.line - 1
            until = at + 1 + self._more_lines(one, lines[at:])
            part = b"\n".join(lines[at:until])
            made = self._substituted(one, part)
            if made != part:
                self._note([one])
                lines[at:until] = made.split(b"\n")
        return b"\n".join(lines)

    def _more_lines(self, one: Decision, lines: Sequence[bytes]) -> int:
        """Return how many lines below its first one a value may cover."""
        if form_of(one.what) is None:
            return max((old.count(b"\n") for old in self._needles.get(one.what, ())), default=0)
        part = b"\n".join(lines[:_MOST_LINES])
        ends = [met.end for met in forms.met(part) if met.start <= len(lines[0])] if lines else []
        return part.count(b"\n", 0, max(ends, default=0))


def decided(plan: Plan, decisions: Decisions | None, source: Source) -> Plan:
    """Return `plan` with the decisions applied, `plan` itself when there are none."""
    if decisions is None or not decisions.entries:
        return plan
    used: set[_Id] = set()
    return cast("Plan", DecidedPlan(plan, decisions, _conditions(plan, decisions, source, used), used))


@contextmanager
def explained(plan: Plan) -> Iterator[None]:
    """Raise ShoplaunchError `decisions_invalid` for rows that do not load with the decisions applied."""
    try:
        yield
    except ShoplaunchError as problem:
        made = plan.changed_columns() if isinstance(plan, DecidedPlan) else []
        if problem.code != "db_data_error" or not made:
            raise
        message = f"with what was decided about {', '.join(made)} the rows do not load: {problem.message}"
        raise ShoplaunchError("decisions_invalid", message[:500]) from problem


def _conditions(plan: Plan, decisions: Decisions, source: Source, used: set[_Id]) -> dict[str, str | None]:
    """Return table -> condition without the removed rows; add the decisions that name a row to `used`."""
    removed: dict[str, list[tuple[Decision, digests.Key]]] = defaultdict(list)
    emptied: set[str] = set()
    for one in decisions.decided():
        table = source.tables.get(one.place.table)
        if one.place.is_table:
            emptied |= {one.place.table} if one.decision == REMOVE and table is not None else set()
            used |= {(one.what, one.place)} if one.place.table in emptied else set()
        elif one.decision == REMOVE and table is not None and tuple(c for c, _ in one.place.key) == table.key:
            try:
                parts = zip(table.key_columns(), one.place.key, strict=True)
                key = tuple(key_bytes(column, value) for column, (_, value) in parts)
            except ValueError:
                continue
            if source.query(f"SELECT 1 FROM `{table.name}` WHERE {digests.condition(table, [key])}"):
                removed[table.name].append((one, key))
                used.add((one.what, one.place))
    found = {**_without_rows(plan, source, removed), **dict.fromkeys(emptied)}
    for name, rows in removed.items():
        references.require_none(
            source, source.tables[name], rows, lambda child: found.get(child, plan.condition(child))
        )
    return found


def _without_rows(
    plan: Plan, source: Source, removed: Mapping[str, Sequence[tuple[Decision, digests.Key]]]
) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for name, rows in removed.items():
        before = plan.condition(name)
        out = f"NOT ({digests.condition(source.tables[name], [key for _, key in rows])})"
        found[name] = before if before is None else f"({before}) AND {out}" if before else out
    return found
