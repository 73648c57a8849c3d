"""Weighs the findings of the final search: harmless or accepted ones stay, any other ends the packing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from controller.bundles.packing_report import NamelessDecision, PackingReport, ReportedDecision
from controller.bundles.residue import search
from controller.bundles.residue.findings import DOMAIN, PATH, Finding, Place, ResidueFound, base_label, kind_of
from controller.bundles.residue.search import Hit, Searcher
from controller.bundles.review import harmless
from controller.bundles.review.decisions import ACCEPT, Decision, Decisions
from controller.bundles.review.dump_lines import with_dump_lines
from controller.bundles.review.locate import Locator, Template
from controller.bundles.review.release import Release
from controller.bundles.source.tree.walk import Entry
from shared.errors import ShoplaunchError

#: Replaces a needle (domain or path) that stays somewhere: the needle with a mark next to it, found anywhere else.
_NARROWED = (b"//%s/", b'//%s"', b"//%s'", b"@%s", b"^%s$", b'"%s"', b"'%s'", b"%s/")
_HEAD_BYTES = 64
RELEASE = "a file of the application's own release"


@dataclass(frozen=True)
class Review:
    """The input of the weighing: the template, the decisions about it, and the dump it came from, if any.

    `noticed` are findings in addition to the plan's own.
    """

    template: Template
    decisions: Decisions | None = None
    dump: Path | None = None
    noticed: Sequence[Finding] = ()
    #: What its makers publish of the application, where the operator has it.
    release: Release | None = None


@dataclass
class Settled:
    """What may stay: findings with the reason, and the narrower byte strings for which the agent searches instead."""

    staying: list[tuple[Finding, str]] = field(default_factory=list)
    narrowed: dict[bytes, list[bytes]] = field(default_factory=dict)

    def residue(self, hexes: Iterable[str]) -> list[str]:
        """Return the manifest's `residue` with the needles that stay replaced by the narrower ones."""
        found = {bytes.fromhex(text) for text in hexes}
        for old, new in self.narrowed.items():
            found = {other for one in found for other in (new if one == old else [one])}
        return sorted(one.hex() for one in found)

    def report(self, report: PackingReport) -> PackingReport:
        """Return the packing's report with the findings that stay, accepted or harmless."""
        accepted = [one for one, reason in self.staying if reason == ACCEPT]
        known = Counter(reason for _, reason in self.staying if reason != ACCEPT)
        made: PackingReport = {**report}
        if accepted:
            names = [Decision(one.what, one.place, ACCEPT).as_json() for one in accepted]
            made["decisions"] = [*made.get("decisions", []), *names]
            made["decisions_without_effect"] = [one for one in made["decisions_without_effect"] if one not in names]
        if known:
            made["harmless"] = dict(sorted(known.items()))
        return made


def settle(review: Review, bundle: Path, hits: Sequence[Hit]) -> Settled:
    """Return which findings in `bundle` may stay.

    Raises ResidueFound for undecided findings, ShoplaunchError `decisions_invalid` for an accepted proven secret.
    """
    plan = review.template.plan
    needles, kinds = plan.forbidden(), plan.kinds()
    locator = Locator(review.template, needles, kinds)
    fragments = sorted({hit.name for hit in hits if hit.kind == "fragments"})
    used = {name: f"fragment.{name}:".encode() for name in fragments}
    met = search.hits(bundle, used) if used else []
    by_fragment = {name: [replace(hit) for hit in met if hit.label == name] for name in fragments}
    found = [_plain(one) for one in locator.findings(hits, by_fragment)]
    found += [one for one in (*plan.noticed(), *review.noticed) if one not in found]
    settled, left = _weighed(review, list(dict.fromkeys(found)), needles, kinds)
    if left:
        unused = settled.report(plan.report()).get("decisions_without_effect", [])
        raise ResidueFound(with_dump_lines(review.dump, left, needles), unused)
    return settled


def _weighed(
    review: Review, found: Sequence[Finding], needles: Mapping[str, bytes], kinds: Mapping[str, str]
) -> tuple[Settled, list[Finding]]:
    settled, left = Settled(), []
    contents = Contents(review.template, {one.place.file for one in found})
    for finding in found:
        decision = review.decisions.of(finding) if review.decisions else None
        accepted = decision is not None and decision.decision == ACCEPT
        if accepted and finding.proven:
            message = f"this is a secret beyond doubt and cannot be accepted: {finding.sentence()}"
            raise ShoplaunchError("decisions_invalid", message)
        head = contents.head(finding.place.file) if finding.place.file and not accepted else b""
        reason = ACCEPT if accepted else harmless.reason(finding, _value(finding, review), head)
        reason = reason or _published(finding, review.release, contents)
        if reason:
            settled.staying.append((finding, reason))
        else:
            left.append(finding)
    places = [one for one, _ in settled.staying if one.kind in (DOMAIN, PATH)]
    for label, needle in needles.items():
        of_it = [one for one in places if one.what == base_label(label) and kind_of(label, kinds) == one.kind]
        if of_it:
            marks = [mark % needle for mark in _NARROWED]
            held = contents.held((one.place for one in of_it), [needle, *marks])
            if needle in held:
                settled.narrowed[needle] = [one for one in marks if one not in held]
    return settled, left


def _published(finding: Finding, release: Release | None, contents: Contents) -> str:
    """Return why a finding harms nobody whose whole file is as the application's makers publish it, else ""."""
    place = finding.place
    if release is None or not place.file or place.is_name:
        return ""
    return RELEASE if release.holds(contents.whole(place.file)) else ""


class Contents:
    """Reads the files and tables of findings again. `files` are all that will be read: one walk finds them."""

    def __init__(self, template: Template, files: Collection[str]) -> None:
        self._template = template
        self._wanted = {file.encode("utf-8", "surrogateescape") for file in files if file}
        self._heads: dict[str, bytes] = {}
        self._entries: dict[bytes, Entry] | None = None

    def head(self, file: str) -> bytes:
        """Return the first bytes of a file of the template, b"" when it does not exist."""
        if file not in self._heads:
            self._heads[file] = self._read(file)[:_HEAD_BYTES]
        return self._heads[file]

    def whole(self, file: str) -> bytes:
        """Return a file of the template, b"" when it is none."""
        return self._read(file)

    def held(self, places: Iterable[Place], wanted: Sequence[bytes]) -> set[bytes]:
        """Return those of `wanted` that stand in the packed content of files and tables at `places`.

        For the name of a file, or a part of a bundle, the neighbouring text is unknown: all of `wanted` are returned.
        """
        found: set[bytes] = set()
        for file, table in dict.fromkeys(("" if one.is_name else one.file, one.table) for one in places):
            if not (file or table):
                return set(wanted)
            # Neither a whole table nor two files are in memory at once
            for text in self._packed_rows(table) if table else [self._packed_file(file)]:
                found.update(one for one in wanted if one not in found and one in text)
                if len(found) == len(wanted):
                    return found
        return found

    def _read(self, file: str) -> bytes:
        entry = self._known().get(file.encode("utf-8", "surrogateescape"))
        return b"" if entry is None else self._template.tree.read(entry)

    def _known(self) -> Mapping[bytes, Entry]:
        if self._entries is None:
            walk = self._template.tree.entries(self._template.plan.branch().left_out)
            self._entries = {one.path: one for one in walk if one.kind == "file" and one.path in self._wanted}
        return self._entries

    def _packed_file(self, file: str) -> bytes:
        return self._template.plan.branch().file(file.encode("utf-8"), self._read(file))

    def _packed_rows(self, name: str) -> Iterator[bytes]:
        plan, table = self._template.plan.branch(), self._template.source.tables[name]
        for row in self._template.source.rows(table, plan.condition(name) or ""):
            yield b"\0".join(cell for cell in plan.row(table, row) if cell is not None)


def _value(finding: Finding, review: Review) -> bytes:
    return review.template.plan.needles().get(finding.what, b"")


def _plain(finding: Finding) -> Finding:
    """Return the finding with the needle's own label in place of that of a narrower spelling."""
    return replace(finding, what=base_label(finding.what)) if finding.kind in (DOMAIN, PATH) else finding


def covered(report: PackingReport, needles: Mapping[str, bytes]) -> PackingReport:
    """Return the report with every decision made anonymous whose place is named after the template."""
    searcher = Searcher(needles)
    made: PackingReport = {**report}

    def anonymous(entries: Sequence[ReportedDecision]) -> list[ReportedDecision]:
        return [_nameless(one) if searcher.found_in(repr(one).encode(), True) else one for one in entries]

    if "decisions" in made:
        made["decisions"] = anonymous(made["decisions"])
    if "decisions_without_effect" in made:
        made["decisions_without_effect"] = anonymous(made["decisions_without_effect"])
    return made


def _nameless(entry: ReportedDecision) -> NamelessDecision:
    place = "is called after the template"
    kept: NamelessDecision = {"what": entry["what"], "decision": entry["decision"], "place": place}
    if "table" in entry:
        kept["table"] = entry["table"]
    if "column" in entry:
        kept["column"] = entry["column"]
    return kept
