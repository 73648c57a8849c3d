"""Runs the packer's pipeline: from a template shop to a proved bundle."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from controller.bundles.manifest import Contents, Evidence, Variants, manifest_of, report_of
from controller.bundles.pack.data_packer import DataFacts, pack_data
from controller.bundles.pack.file_task import start_packing_files
from controller.bundles.pack.plan import Plan
from controller.bundles.pack.prescan import Prescan
from controller.bundles.pack.progress import Progress
from controller.bundles.pack.writer import BundleWriter
from controller.bundles.packing_report import PackingReport
from controller.bundles.proof import follow_up_trial, scratch_load
from controller.bundles.proof.probe_values import probe_values
from controller.bundles.residue import search
from controller.bundles.review.decided_plan import decided, explained
from controller.bundles.review.decisions import Decisions
from controller.bundles.review.definitions import in_definitions
from controller.bundles.review.locate import Template
from controller.bundles.review.release import Release
from controller.bundles.review.settle import Review, covered, settle
from controller.bundles.rewrite.placeholder_names import Names
from controller.bundles.source.database import collations
from controller.bundles.source.database.open_source import open_source
from controller.bundles.source.database.snapshot import Routine, Source, read_tables
from controller.bundles.source.servers.scratch import Scratch, open_scratch
from controller.bundles.source.tree.walk import Tree
from controller.bundles.variants import declaration
from controller.bundles.variants import proof as variant_proof
from controller.bundles.variants.declaration import Variant
from controller.bundles.variants.files import pack_variant_files, replaced_paths
from shared.bundle import MAX_MANIFEST_BYTES
from shared.encoding import canonical_json, sha256_hex
from shared.errors import ShoplaunchError
from shared.placeholders import Renderer

if TYPE_CHECKING:
    from shared.documents import Manifest

_INDEXES = "SELECT DISTINCT TABLE_NAME, INDEX_NAME FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE()"
#: Builds a recipe's plan from tree and source. Raises ShoplaunchError of the recipe.
MakePlan = Callable[[Tree, Source], Plan]


@dataclass(frozen=True)
class Request:
    """A packing request: exactly one of `database` (URL) and `dump`; `check` does everything but keep the bundle."""

    docroot: Path
    target: Path
    database: str | None = field(default=None, repr=False)
    dump: Path | None = None
    scratch: str | None = field(default=None, repr=False)
    check: bool = False
    #: The file that declares the variants.
    variants: Path | None = None
    #: The decisions about findings of an earlier packing.
    decisions: Decisions | None = None
    #: The application's own release, a folder or ZIP: its files are known to be harmless.
    release: Path | None = None
    #: Whether an existing `target` is replaced.
    replace: bool = True


@dataclass(frozen=True)
class Packed:
    """A finished bundle: manifest, its digest, the size in bytes, and the report with all entries left out."""

    manifest: Manifest
    manifest_sha256: str
    size: int
    report: PackingReport


@dataclass(frozen=True)
class _Packing:
    """A packing under way, with the variants `chosen` for the bundle."""

    bundle: BundleWriter
    scratch: Scratch
    plan: Plan
    names: Names
    chosen: Sequence[Variant]
    progress: Progress


def pack(request: Request, make_plan: MakePlan, progress: Progress) -> Packed:
    """Pack a template into `request.target`; on any error nothing stays there.

    Raises ShoplaunchError for problems of template, dump, scratch server or disk.
    """
    tree = Tree(request.docroot)
    with ExitStack() as stack:
        bundle = stack.enter_context(BundleWriter(request.target))
        tree.ignore(request.dump, request.target, request.variants, request.release, bundle.spool)
        scratch = stack.enter_context(open_scratch(request.scratch, progress.phase))
        source = stack.enter_context(open_source(request.database, request.dump, scratch, progress.phase))
        if request.dump is None:
            scratch.room.bound(source.size())
        plan = decided(make_plan(tree, source), request.decisions, source)
        names = Names(plan.nonce)
        chosen = declaration.read(request.variants, plan, source, names) if request.variants else []
        packing = _Packing(bundle, scratch, plan, names, chosen, progress)
        routines = source.routines()
        work = stack.enter_context(start_packing_files(tree, plan, bundle, replaced_paths(chosen)))
        with _trial(scratch) as trial:
            data = pack_data(source, plan, names, bundle, trial, progress)
        _take_names(plan, names, chosen)
        bundle.number()
        with explained(plan):
            evidence = _prove(packing, data, routines)
        prescan = Prescan(bundle, search.Searcher(plan.forbidden()))
        files = work.finish(plan, names, bundle, progress, prescan.look)
        plan.require_plausible()
        follow_up_trial.require_edits(plan.manifest()["jobs"], tree, plan.branch())
        extra = pack_variant_files(chosen, files, plan, names, bundle)
        _add_documents(bundle, plan, names, data)
        bundle.number()
        contents = Contents(files, data, evidence, Variants(chosen, extra))
        noticed = in_definitions(data.definitions, routines, plan.forbidden().values())
        release = Release(request.release) if request.release is not None else None
        review = Review(Template(tree, source, plan), request.decisions, request.dump, noticed, release)
        return _finish(request, packing, review, contents, prescan)


@contextmanager
def _trial(scratch: Scratch) -> Iterator[Any]:
    with scratch.connection(scratch.new_database()) as connection:
        yield connection


def _take_names(plan: Plan, names: Names, chosen: Sequence[Variant]) -> None:
    """Take the names in the templates that the proof fills besides the data."""
    for fragment in plan.fragments().values():
        names.take(fragment)
    known = plan.manifest()
    statements = [step.statement for variant in chosen for step in variant.steps]
    names.take_document([list(plan.configure()), known["checks"], known["jobs"], statements])


def _add_documents(bundle: BundleWriter, plan: Plan, names: Names, data: DataFacts) -> None:
    """Add the documents that do not depend on the proof: tables, fragments, configure statements."""
    tables = [definition.as_json() for definition in data.definitions.values()]
    bundle.add_document("tables", "db/tables.json.gz", _document(tables), False)
    fragments = dict(plan.fragments())
    filled = any([names.take(fragment) for fragment in fragments.values()])  # noqa: C419 - all are to be taken
    coded = {key: scratch_load.coded(fragment) for key, fragment in fragments.items()}
    bundle.add_document("fragments", "db/fragments.json.gz", _document(coded), filled)
    configure = list(plan.configure())
    filled = names.take_document(configure)
    bundle.add_document("configure", "db/configure.json.gz", _document(configure), filled)


def _prove(packing: _Packing, data: DataFacts, routines: list[Routine]) -> Evidence:
    """Load the bundle twice with different values and take the evidence; add cells and routines."""
    bundle, scratch, plan, progress = packing.bundle, packing.scratch, packing.plan, packing.progress
    progress.phase("proof", 2)
    load = scratch_load.Load(data.definitions, _load_chunks(bundle), routines, plan.configure())
    secrets = plan.manifest()["secrets"]
    databases = (scratch.new_database(), scratch.new_database())
    renderers = []
    # Counted as the agent does
    first_one, second_one = (scratch.connection(database, counts_found=True) for database in databases)
    with first_one as first, second_one as second:
        evidence = Evidence(ordered=routines)
        for which, connection in enumerate((first, second)):
            values = probe_values(packing.names.used, secrets, which, plan.probes())
            renderer = Renderer(plan.nonce, values, dict(plan.fragments()))
            renderers.append(renderer)
            sent = scratch_load.load_data(connection, load, renderer)
            evidence.largest_statement = max(evidence.largest_statement, sent)
            if which == 0:
                _compare_with_source(connection, data)
                evidence.ordered = scratch_load.finish_schema(connection, load)
            else:
                scratch_load.finish_schema(connection, load)
            tables = read_tables(connection)
            scratch_load.require_cells(connection, data.cells, renderer, tables)
            scratch_load.configure(connection, load, renderer, scratch_load.MOMENTS[which])
            evidence.cells = scratch_load.matching_cells(connection, evidence.cells or data.cells, renderer, tables)
            progress.advance()
        evidence.tables = scratch_load.take(first, second, databases, tables)
        evidence.indexes = len(first.rows(_INDEXES))
        evidence.longest_key = collations.longest_key_bytes(first, tables)
        with _trial(scratch) as trial:
            evidence.collations, evidence.refused = collations.fallbacks(first, trial, data.definitions, tables)
    _prove_variants(packing, databases, renderers, evidence)
    with scratch.connection(databases[1], counts_found=True) as connection:
        follow_up_trial.try_statements(connection, plan.manifest()["jobs"], renderers[1])
    _add_proved(bundle, evidence)
    return evidence


def _add_proved(bundle: BundleWriter, evidence: Evidence) -> None:
    """Add the cells and the routines as the evidence says them."""
    tables = {name: table.table for name, table in evidence.tables.items()}
    cells = scratch_load.cells_documents(evidence.cells, tables)
    bundle.add_document("cells", "db/cells.json.gz", _document(cells), bool(cells))
    made = [{"kind": one.kind, "name": one.name, "create": one.create} for one in evidence.ordered]
    bundle.add_document("routines", "db/routines.json.gz", _document(made), False)


def _prove_variants(
    packing: _Packing, databases: tuple[str, str], renderers: Sequence[Renderer], evidence: Evidence
) -> None:
    plan, progress = packing.plan, packing.progress
    if not packing.chosen:
        return
    progress.phase("variants", len(packing.chosen))
    trial = variant_proof.Trial(
        databases, (renderers[0], renderers[1]), plan.configure(), evidence.tables, evidence.cells, plan.nonce,
        plan.cells, any(routine.kind == "trigger" for routine in evidence.ordered),
    )  # fmt: skip
    made = {}
    with packing.scratch.connection(databases[0]) as connection:
        for variant in packing.chosen:
            proved = variant_proof.prove(connection, variant, trial)
            made[variant.name] = said = proved.entry
            evidence.largest_statement = max(evidence.largest_statement, proved.largest_statement)
            evidence.variant_rows[variant.name] = {
                table["name"]: table["rows"]
                for table in said["tables"]
                if table["rows"] != evidence.tables[table["name"]].rows
            }
            progress.advance()
    packing.bundle.add_document("variants", "db/variants.json.gz", _document(made), True)


def _compare_with_source(connection: Any, data: DataFacts) -> None:
    tables = read_tables(connection)
    for table, digest in data.source_digests.items():
        scratch_load.same_as_source(connection, tables[table], digest, data.changed.get(table, set()))


def _load_chunks(bundle: BundleWriter) -> list[scratch_load.LoadChunk]:
    chunks = [member for member in bundle.members if member.kind == "data"]
    return [scratch_load.LoadChunk(one.name, one.path, int(str(one.more["rows"])), one.placeholders) for one in chunks]


def _finish(request: Request, packing: _Packing, review: Review, contents: Contents, prescan: Prescan) -> Packed:
    bundle, plan, names = packing.bundle, packing.plan, packing.names
    packing.progress.phase("writing")
    report = report_of(plan, contents)
    manifest = manifest_of(bundle, plan, names, contents, covered(report, plan.forbidden()))
    path = bundle.assemble(_manifest(manifest, bundle))
    packing.progress.phase("search for residue")
    hits = search.hits(path, plan.forbidden(), prescan.misses)
    if hits or plan.noticed() or review.noticed:
        settled = settle(review, path, hits)
        report = settled.report(report)
        manifest = manifest_of(bundle, plan, names, contents, covered(report, plan.forbidden()))
        manifest["residue"] = settled.residue(manifest["residue"])
        path = bundle.assemble(_manifest(manifest, bundle))
    content, size = canonical_json(manifest), path.stat().st_size
    if not request.check:
        bundle.publish(path, replace=request.replace)
    return Packed(manifest, sha256_hex(content), size, {**report, "left_out_paths": contents.files.left_out_paths})


def _manifest(manifest: Manifest, bundle: BundleWriter) -> bytes:
    """Return the manifest as it is written. Raises ShoplaunchError `template_too_large`."""
    content: bytes = canonical_json(manifest)
    if len(content) > MAX_MANIFEST_BYTES:
        size = f"{len(content)} bytes, {MAX_MANIFEST_BYTES} at most"
        message = f"the manifest of {len(manifest['tables'])} tables and {len(bundle.members)} members has {size}"
        raise ShoplaunchError("template_too_large", message)
    return content


def _document(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode("utf-8")
