"""Assembles a bundle's manifest from the pipeline's results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING

from controller.bundles.pack.data_packer import DataFacts
from controller.bundles.pack.digests import Cells
from controller.bundles.pack.file_packer import FileFacts
from controller.bundles.pack.plan import Plan
from controller.bundles.pack.shards import zlib_version
from controller.bundles.pack.writer import BundleWriter
from controller.bundles.packing_report import PackingReport
from controller.bundles.proof.scratch_load import TableProof
from controller.bundles.residue import search
from controller.bundles.rewrite.placeholder_names import Names
from controller.bundles.source.database.snapshot import Routine
from controller.bundles.variants.declaration import Variant
from shared.bundle import FORMAT
from shared.schema import validate

if TYPE_CHECKING:
    from shared import documents
    from shared.documents import Manifest

#: Loaded at import: a user who packs a shop need not be able to read the installation's folder later.
_PACKER = f"shoplaunch {version('shoplaunch')}"
#: Bytes that a job's real values may add to a statement that was tried with made-up ones.
_ROOM_FOR_VALUES_BYTES = 16 * 1024
#: Bytes that InnoDB takes for an empty table, for each of its indexes, and for each byte of an INSERT at most.
_TABLE_BYTES = 64 * 1024
_INDEX_BYTES = 16 * 1024
_BYTES_PER_SQL_BYTE = 2
#: Folders and files that the agent itself makes.
_OWN_INODES = 32
#: Parts of the report that only the operator may see.
_NOT_TRAVELLING = (
    "rewriting", "replaced_files", "not_searched", "compressed_files_not_searched", "rows_compared", "left_out",
    "living_shop", "blanked_comments",
    "decisions_without_effect",
)  # fmt: skip


@dataclass
class Evidence:
    """The evidence from the scratch server."""

    ordered: list[Routine]
    tables: dict[str, TableProof] = field(default_factory=dict)
    cells: list[Cells] = field(default_factory=list)
    collations: dict[str, list[str]] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    largest_statement: int = 0
    longest_key: int = 0
    indexes: int = 0
    #: Variant -> table -> rows, where the number differs from the bundle without the variant.
    variant_rows: dict[str, dict[str, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Variants:
    """The variants an order may choose from, and the files each adds to the tree, by name."""

    declared: Sequence[Variant]
    files: Mapping[str, FileFacts]

    def as_json(self, rows: Mapping[str, Mapping[str, int]]) -> list[documents.Variant]:
        """Return the manifest's entries; `rows` are those of the evidence."""
        return [
            {"name": one.name, "title": one.title, "entries": self.files[one.name].added, "rows": dict(rows[one.name])}
            for one in self.declared
        ]

    def disk_bytes(self) -> int:
        """Return the bytes on disk of the largest variant."""
        return max((facts.disk_bytes for facts in self.files.values()), default=0)

    def inodes(self) -> int:
        """Return the number of entries of the variant with most."""
        return max((facts.added for facts in self.files.values()), default=0)


@dataclass(frozen=True)
class Contents:
    """The facts about all parts of a bundle: files, data, what the scratch server proved, and variants."""

    files: FileFacts
    data: DataFacts
    evidence: Evidence
    variants: Variants


def manifest_of(bundle: BundleWriter, plan: Plan, names: Names, contents: Contents, report: PackingReport) -> Manifest:
    """Return the manifest. Raises ShoplaunchError `manifest_invalid` when it violates its own schema."""
    data, evidence, variants = contents.data, contents.evidence, contents.variants
    known = plan.manifest()
    secrets = list(known["secrets"])
    manifest = {
        "format": FORMAT,
        "packer": f"{_PACKER} zlib {zlib_version()}",
        "nonce": plan.nonce,
        "application": dict(plan.application),
        "values": sorted(names.used | {secret["name"] for secret in secrets}),
        "secrets": secrets,
        "variants": variants.as_json(evidence.variant_rows),
        "folders": known["folders"],
        "members": [member.as_json() for member in bundle.members],
        "tables": [table.as_json() for table in evidence.tables.values()],
        "requirements": {
            "disk_bytes": contents.files.disk_bytes + variants.disk_bytes(),
            "inodes": contents.files.inodes + variants.inodes() + _OWN_INODES,
            "database_bytes": _database_bytes(bundle, evidence),
            "max_statement_bytes": evidence.largest_statement + _ROOM_FOR_VALUES_BYTES,
            "max_row_bytes": data.largest_row,
            "longest_key_bytes": evidence.longest_key,
            "objects": sorted(_objects(data, evidence)),
            "php": dict(known["php"]),
        },
        "collations": evidence.collations,
        "residue": sorted({item.hex() for item in known["residue"]}),
        "entry_points": list(known["entry_points"]),
        "checks": list(known["checks"]),
        "jobs": dict(known["jobs"]),
        "personal_data": list(known["personal_data"]),
        "report": without_places(report),
    }
    validated: Manifest = validate("manifest", manifest, "manifest_invalid")
    return validated


def _objects(data: DataFacts, evidence: Evidence) -> set[str]:
    """Return the kinds of objects other than plain tables: each needs its own privilege."""
    kinds = {routine.kind for routine in evidence.ordered}
    has_keys = any(definition.foreign_keys for definition in data.definitions.values())
    return kinds | {"foreign_key"} if has_keys else kinds


def _database_bytes(bundle: BundleWriter, evidence: Evidence) -> int:
    # Estimated: the server's own count differs from one load to the next
    sql = sum(member.unpacked for member in bundle.members if member.kind == "data")
    return _TABLE_BYTES * len(evidence.tables) + _INDEX_BYTES * evidence.indexes + _BYTES_PER_SQL_BYTE * sql


def without_places(report: PackingReport) -> dict[str, object]:
    """Return a report fit to travel in a bundle: without places, as a file's name can reveal the template."""
    kept = {key: value for key, value in report.items() if key not in _NOT_TRAVELLING}
    rewriting = report.get("rewriting", {})
    return {
        "forms": rewriting.get("forms", {}),
        "left": sum(one["count"] for one in rewriting.get("left", [])),
        **kept,
    }


def report_of(plan: Plan, contents: Contents) -> PackingReport:
    """Return the operator's full report about the packing."""
    files, data, evidence = contents.files, contents.data, contents.evidence
    proofs = evidence.tables.values()
    masked = {f"{one.table.name}.{column}": len(keys) for one in proofs for column, keys in one.masks.items()}
    unproved = sorted(f"{one.table.name}.{column}" for one in proofs for column in one.left_out)
    return {
        **plan.report(),
        "left_out": files.left_out,
        "files": {"files": files.files, "directories": files.directories, "links": files.links,
                  "bytes": files.bytes, "filled": files.filled},
        "tables": len(data.definitions),
        "rows": sum(table.rows for table in evidence.tables.values()),
        "rows_compared": {table: list(counts) for table, counts in sorted(data.compared.items())},
        "emptied_tables": {table: rows for table, rows in sorted(data.emptied.items()) if rows},
        "dump_changed": data.notes,
        "converted_tables": {d.table: d.converted_from for d in data.definitions.values() if d.converted_from},
        "masked_cells": dict(sorted(masked.items())),
        "columns_without_digest": unproved,
        "tables_without_key": sorted(data.unkeyed),
        "collation_fallbacks_refused": evidence.refused,
        "not_searched": {**plan.unsearched(), **search.unsearched(plan.forbidden())},
        "compressed_files_not_searched": [
            *files.compressed, *(path for facts in contents.variants.files.values() for path in facts.compressed)
        ],
    }  # fmt: skip
