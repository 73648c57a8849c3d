"""Summarises a bundle for those who will order from it, in at most ten lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from controller.bundles.packing_report import PackingReport
from controller.bundles.rewrite.contexts.boundaries import SOMETHING_ELSE
from controller.bundles.summary import ANOTHER_FORM, php_range, size

if TYPE_CHECKING:
    from shared.documents import Manifest

LINES = 10
_SHOWN = 6
_LOOKED_AT = 2


def headline(manifest: Manifest, bundle_size: int, report: PackingReport) -> list[tuple[str, str]]:
    """Return (heading, text) lines about a bundle, the most important first; what is absent is not mentioned."""
    application, tables = manifest["application"], manifest["tables"]
    rows = sum(table["rows"] for table in tables)
    made = [
        ("Application", f"{_named(application['name'])} {application['version']}"),
        *_readable(_settings(report)),
        ("Size", f"{size(bundle_size)}, {len(tables)} tables with {rows:,} rows"),
        ("Server needs", _needs(manifest["requirements"])),
        *_readable(_choices(manifest, report)),
        *_readable(_left_behind(report)),
        *_readable(_changed(report)),
        *_readable(_attention(manifest, report)),
    ]
    return made[:LINES]


def _readable(lines: Iterator[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the lines, none where what they are about has another form than the packer's."""
    try:
        return list(lines)
    except ANOTHER_FORM:
        return []


def _settings(report: PackingReport) -> Iterator[tuple[str, str]]:
    for said in report.get("settings_written", []):
        yield "Settings", said


def listed(names: Sequence[str], shown: int = _SHOWN) -> str:
    """Return the first few names, and the number of the others."""
    more = len(names) - shown
    return ", ".join(names[:shown]) + (f" and {more} more" if more > 0 else "")


def _named(application: str) -> str:
    return {"prestashop": "PrestaShop", "wordpress": "WordPress"}.get(application, application)


def _needs(needs: Mapping[str, Any]) -> str:
    return f"PHP {php_range(needs['php'])}, {size(needs['disk_bytes'])} on disk, {needs['inodes']:,} files and folders"


def _choices(manifest: Manifest, report: PackingReport) -> Iterator[tuple[str, str]]:
    languages, currencies = list(report.get("languages", [])), list(report.get("currencies", []))
    choices = [listed(languages)] if languages else []
    choices += [f"currencies {listed(currencies)}"] if currencies else []
    if manifest["variants"]:
        choices.append(f"{len(manifest['variants'])} variants")
    if choices:
        yield "Languages" if languages else "To choose from", "; ".join(choices)


def _left_behind(report: PackingReport) -> Iterator[tuple[str, str]]:
    rows: Counter[str] = Counter()
    for one in report.get("dropped", []):
        rows[one["reason"]] += one["rows"]
    # Customers first: the operator wants to know that they are gone
    reasons = sorted(rows, key=lambda reason: (not reason.startswith("customers"), -rows[reason], reason))
    if reasons:
        others = sum(rows.values()) - rows[reasons[0]]
        first = "customers" if reasons[0].startswith("customers") else reasons[0]
        more = f"; {others:,} rows of visits, caches and access" if others else ""
        yield "Left behind", f"{rows[reasons[0]]:,} rows of {first}{more}"
    reasons_of_files = report.get("left_out", {}).values()
    files = sum(one["count"] for one in reasons_of_files)
    if files:
        taken = size(sum(one["bytes"] for one in reasons_of_files))
        yield "Files left", f"{files:,} with {taken}; see --keep PATTERN and --leave-out PATTERN"


def _changed(report: PackingReport) -> Iterator[tuple[str, str]]:
    living = report.get("living_shop")
    if living:
        yield "Set anew", f"for a living shop: {listed(list(living), 3)}"
    blanked = report.get("blanked_comments")
    if blanked:
        first = f"{blanked[0]['file']} line {blanked[0]['line']}: {blanked[0]['what']}, {blanked[0]['shown']}"
        more = f" and {len(blanked) - 1} more: see --full" if blanked[1:] else ""
        yield "Blanked", f"in comments, {first}{more}"


def _attention(manifest: Manifest, report: PackingReport) -> Iterator[tuple[str, str]]:
    personal = list(manifest.get("personal_data", []))
    if personal:
        places = [one.partition(": ")[0] for one in personal]
        yield "Personal data", f"remains in {listed(places, 2)}"
    rewriting = report.get("rewriting", {})
    from_root = rewriting.get("from_root", {}).get("count", 0)
    if from_root:
        yield "In a folder", f"{from_root:,} addresses from the root in themes' code will not work: see --full"
    notes = [*report.get("notes", []), *report.get("dump_changed", [])]
    notes += [f"{one['place']}: {one['what']}" for one in rewriting.get("notes", [])]
    left = sum(one["count"] for one in rewriting.get("left", []) if one["reason"] not in SOMETHING_ELSE)
    notes += [f"{left:,} spellings of the old address stay: see --full"] if left else []
    for what in notes[:_LOOKED_AT]:
        yield "Please look at", what
    if len(notes) > _LOOKED_AT:
        yield "", f"and {len(notes) - _LOOKED_AT} more: see --full"
