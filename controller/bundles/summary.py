"""Summarises a packed bundle for the operator: sections of rows, for a terminal or for JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any

from controller.bundles.packing_report import BlankedComment, DroppedRows, PackingReport, Rewriting, Survey

if TYPE_CHECKING:
    from shared.documents import Manifest

#: Rows shown per section on a terminal; JSON has all of them.
SHOWN_ROWS = 30
#: Explanations for parts of the report whose name is not enough.
_TITLES = {
    "left_out": "Left out (--keep PATTERN packs it all the same, --leave-out PATTERN leaves out more)",
    "settings_written": "Settings that the template lacks, written for new shops",
    "living_shop": "Set for a living shop",
}
_FIRST = 3
#: What reading a part of a report in another form than the packer's raises: the bundle may be a stranger's.
ANOTHER_FORM = (TypeError, ValueError, AttributeError, LookupError)
_UNITS = ("B", "KiB", "MiB", "GiB")


@dataclass(frozen=True)
class Section:
    """A heading and rows of (what, how much or where)."""

    title: str
    rows: list[tuple[str, str]]


def php_range(needs: Mapping[str, object]) -> str:
    """Return the PHP versions a bundle needs (`requirements.php` of its manifest), for people."""
    made_for = f" (made for {needs['preferred']})" if needs.get("preferred") else ""
    upto = f" to {needs['max']}" if needs.get("max") else " or later"
    return f"{needs['min']}{upto}{made_for}"


def size(count: int) -> str:
    """Return a number of bytes for people."""
    amount = float(count)
    for unit in _UNITS:
        if amount < 1024 or unit == _UNITS[-1]:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    raise AssertionError("unreachable")


def sections(manifest: Manifest, bundle_size: int, report: PackingReport) -> list[Section]:
    """Return the sections about a bundle, from its manifest and the packing's report; empty ones are left out."""
    made = [_bundle(manifest, bundle_size), _requirements(manifest)]
    for key, value in report.items():
        made += _of_part(key, value)
    made.append(Section("Personal data that remains", [(place, "") for place in manifest.get("personal_data", [])]))
    return [section for section in made if section.rows]


def _of_part(key: str, value: object) -> list[Section]:
    with suppress(*ANOTHER_FORM):
        if key in _GROUPED:
            return _GROUPED[key](value)
    return [Section(_TITLES.get(key, key.replace("_", " ").capitalize()), _rows(value))]


def survey_sections(template: Survey) -> list[Section]:
    """Return the sections about a surveyed template (controller.bundles.source.survey)."""
    made = [Section("Template", _rows(template.get("application", {})))]
    made.append(Section(_TITLES["settings_written"], _rows(template.get("settings_written", []))))
    parts: dict[str, Mapping[str, object]] = {
        "files": template.get("files", {}),
        "database": template.get("database", {}),
    }
    for part, numbers in parts.items():
        values = {key: size(int(str(value))) if key == "bytes" else value for key, value in numbers.items()}
        made.append(Section(f"Its {part}", [(key.replace("_", " "), shown) for key, shown in _rows(values) if shown]))
    return [section for section in made if section.rows]


def _bundle(manifest: Manifest, bundle_size: int) -> Section:
    application = manifest["application"]
    members = manifest["members"]
    shards = [member for member in members if member["kind"] == "files"]
    chunks = [member for member in members if member["kind"] == "data"]
    rows = [
        ("application", f"{application['name']} {application['version']}"),
        ("size", size(bundle_size)),
        ("file shards", f"{len(shards)}, {size(sum(one.get('unpacked', 0) for one in shards))} unpacked"),
        ("data chunks", f"{len(chunks)}, {size(sum(one.get('unpacked', 0) for one in chunks))} unpacked"),
        ("tables, rows", f"{len(manifest['tables'])}, {sum(table['rows'] for table in manifest['tables'])}"),
        ("secrets made per shop", ", ".join(secret["name"] for secret in manifest["secrets"]) or "none"),
    ]
    if manifest["variants"]:
        rows.append(("variants to choose from", str(len(manifest["variants"]))))
    return Section("Bundle", rows)


def _requirements(manifest: Manifest) -> Section:
    needs = manifest["requirements"]
    php = needs["php"]
    return Section(
        "What a server must offer",
        [
            ("disk", size(needs["disk_bytes"])),
            ("database", size(needs.get("database_bytes", 0))),
            ("inodes", str(needs["inodes"])),
            ("max_allowed_packet", size(needs["max_statement_bytes"])),
            ("longest key", f"{needs['longest_key_bytes']} B"),
            ("PHP", f"{php_range(php)}; {', '.join(php['extensions'])}"),
            ("collations", ", ".join(sorted(manifest["collations"]))),
        ],
    )


def _rows(value: object) -> list[tuple[str, str]]:
    if isinstance(value, Mapping):
        return [(str(key), _shown(item)) for key, item in value.items()]
    if isinstance(value, list | tuple):
        return [(_shown(item), "") for item in value]
    return [("", _shown(value))] if value not in (None, "", 0) else []


def _shown(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_shown(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_shown(item) for item in value)
    return str(value)


def _rewriting(value: Rewriting) -> list[Section]:
    """Return the forms with their numbers, the parts left with their reasons, and the notes with their places."""
    forms = [(form, str(count)) for form, count in value.get("forms", {}).items()]
    places: dict[str, list[str]] = {}
    for one in value.get("left", []):
        places.setdefault(one["reason"], []).append(one["place"])
    left = [(reason, f"{len(found)} places: {_first(found)}") for reason, found in sorted(places.items())]
    # A note may list lines of a file: one row for each
    notes = [
        (one["place"] if first else "", line)
        for one in value.get("notes", [])
        for first, line in zip(chain([True], repeat(False)), one["what"].split("\n"), strict=False)
    ]
    from_root = [(file, str(count)) for file, count in value.get("from_root", {}).get("places", {}).items()]
    return [
        Section("Rewritten", forms), Section("Seen and left", left), Section("Notes on files", notes),
        Section("Addresses from the domain's root in themes' code: not there in a folder", from_root),
    ]  # fmt: skip


def _dropped(value: Sequence[DroppedRows]) -> list[Section]:
    return [Section("Left behind", [(one["table"], f"{one['rows']} rows: {one['reason']}") for one in value])]


def _compared(value: Mapping[str, Sequence[int]]) -> list[Section]:
    """Return the tables that were packed in part, then the number of those packed whole."""
    part = [(table, f"{packed} of {rows} rows") for table, (rows, packed) in value.items() if rows != packed]
    whole = len(value) - len(part)
    return [Section("Rows in the bundle", [("tables that came whole", str(whole)), *part] if value else [])]


def _blanked(value: Sequence[BlankedComment]) -> list[Section]:
    rows = [(f"{one['file']} line {one['line']}", f"{one['what']}, {one['shown']}") for one in value]
    return [Section("Secrets in comments, blanked: they have no effect there", rows)]


def _first(names: Sequence[str]) -> str:
    return ", ".join(names[:_FIRST]) + (" …" if len(names) > _FIRST else "")


#: Part of the report -> its sections, where the plain rows would be hard to read.
_GROUPED: Mapping[str, Callable[[Any], list[Section]]] = {
    "rewriting": _rewriting, "dropped": _dropped, "rows_compared": _compared, "blanked_comments": _blanked,
}  # fmt: skip
