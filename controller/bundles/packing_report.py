"""Types of what the packer reports: about a bundle, findings, decisions, a template that is only surveyed."""

from __future__ import annotations

from typing import NotRequired, TypedDict


class PlaceDocument(TypedDict, total=False):
    """Where something stands (controller.bundles.residue.findings.Place): in a table, in a file, or in another part."""

    table: str
    column: str
    key: dict[str, str]
    file: str
    line: int
    name: bool
    part: str


class _What(TypedDict):
    what: str


class DecisionDocument(_What, PlaceDocument):
    """A decision without its replacement."""

    decision: str


class NamelessDecision(_What):
    """A decision whose place is called after the template; `place` says so instead."""

    decision: str
    table: NotRequired[str]
    column: NotRequired[str]
    place: str


ReportedDecision = DecisionDocument | NamelessDecision


class FindingDocument(TypedDict, total=False):
    """A finding; `shown` is the masked value."""

    what: str
    kind: str
    proven: bool
    shown: str
    place: PlaceDocument
    about: str
    dump_line: int


class BlankedComment(_What, PlaceDocument):
    """A secret that was blanked in a comment; `shown` is the masked value."""

    shown: str


class LeftSpelling(TypedDict):
    """A spelling of the template's addresses that stays, and why."""

    place: str
    reason: str
    count: int


class RewriteNote(TypedDict):
    """What the operator should know about a file that was rewritten."""

    place: str
    what: str
    count: int


class FromRoot(TypedDict):
    """Addresses from the domain's root in themes' code: how many, and in which files most."""

    count: int
    places: dict[str, int]


class Rewriting(TypedDict, total=False):
    """What rewriting did: form -> count, form -> place -> count, what stays, and notes."""

    forms: dict[str, int]
    places: dict[str, dict[str, int]]
    left: list[LeftSpelling]
    notes: list[RewriteNote]
    from_root: FromRoot


class DroppedRows(TypedDict):
    """Rows of a table that were left behind."""

    table: str
    rows: int
    reason: str


class LeftFiles(TypedDict):
    """Files left out for one reason: how many, their bytes, some of their paths."""

    count: int
    bytes: int
    examples: list[str]


class PackedFiles(TypedDict):
    """Entries of the packed tree; `bytes` of the files, `filled` those with placeholders."""

    files: int
    directories: int
    links: int
    bytes: int
    filled: int


class PackingReport(TypedDict, total=False):
    """The operator's report about a packing; a part is there only where there is something to say.

    One that came with a stranger's bundle may have any other form.
    """

    settings_written: list[str]
    rewriting: Rewriting
    set: dict[str, int]
    replaced_files: list[str]
    dropped: list[DroppedRows]
    blanked_comments: list[BlankedComment]
    living_shop: dict[str, str]
    notes: list[str]
    languages: list[str]
    currencies: list[str]
    decisions: list[ReportedDecision]
    decisions_without_effect: list[ReportedDecision]
    left_out: dict[str, LeftFiles]
    files: PackedFiles
    tables: int
    rows: int
    #: Table -> rows of the template, rows in the bundle.
    rows_compared: dict[str, list[int]]
    emptied_tables: dict[str, int]
    dump_changed: list[str]
    converted_tables: dict[str, str]
    masked_cells: dict[str, int]
    columns_without_digest: list[str]
    tables_without_key: list[str]
    collation_fallbacks_refused: list[str]
    not_searched: dict[str, str]
    compressed_files_not_searched: list[str]
    #: Reason -> how often a finding stays for it.
    harmless: dict[str, int]
    #: Reason -> paths that were left out; too long for a manifest.
    left_out_paths: dict[str, list[str]]


class SurveyedTree(TypedDict, total=False):
    """A document root in numbers, none where it could not be read; `left_out` counts files that would not be packed."""

    files: int
    directories: int
    links: int
    bytes: int
    left_out: int
    largest_files: dict[str, int]


class SurveyedDatabase(TypedDict):
    """A database in numbers: `prefixes` counts tables by the beginning of their names, `bytes` are estimated."""

    server: str
    tables: int
    prefixes: dict[str, int]
    rows: int
    bytes: int
    largest_tables: dict[str, int]
    engines: dict[str, int]
    collations: list[str]
    tables_without_key: list[str]
    views_triggers_routines: dict[str, int]
    dump_changed: list[str]


class Survey(TypedDict, total=False):
    """A template in numbers, as far as it could be read."""

    application: dict[str, str]
    settings_written: list[str]
    database: SurveyedDatabase
    files: SurveyedTree
