"""Packs a database: tries each table's definition as InnoDB, rewrites its rows and puts them into chunks."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from controller.bundles.pack import digests, literals
from controller.bundles.pack.chunks import Chunk, ChunkWriter
from controller.bundles.pack.digests import Cells, Key, by_query
from controller.bundles.pack.gzip_member import gzipped
from controller.bundles.pack.plan import Plan
from controller.bundles.pack.progress import Progress
from controller.bundles.pack.writer import BundleWriter
from controller.bundles.rewrite.placeholder_names import Names
from controller.bundles.rewrite.templates import append_step
from controller.bundles.source.database import empty_choices, schema
from controller.bundles.source.database.snapshot import Source, Table
from controller.bundles.source.servers.connections import Connection, Row
from shared.bundle import ATTEMPT_TABLE, LEDGER_TABLE, MAX_TABLES_BYTES
from shared.errors import ShoplaunchError
from shared.placeholders import sql_escape

#: A row number of the greatest length.
_MANY_ROWS = 10**10


@dataclass
class DataFacts:
    """Facts about the packed database."""

    definitions: dict[str, schema.Definition] = field(default_factory=dict)
    cells: list[Cells] = field(default_factory=list)
    #: Table -> columns in which a value was changed.
    changed: dict[str, set[str]] = field(default_factory=dict)
    #: Whole tables -> their digest in the template.
    source_digests: dict[str, list[str]] = field(default_factory=dict)
    #: Tables with filled cells but no key: these cells cannot be verified one by one.
    unkeyed: list[str] = field(default_factory=list)
    emptied: dict[str, int] = field(default_factory=dict)
    #: Tables with rows -> (rows in the template, rows in the bundle).
    compared: dict[str, tuple[int, int]] = field(default_factory=dict)
    #: Sentences about values that loading a dump changed.
    notes: list[str] = field(default_factory=list)
    largest_row: int = 0
    largest_statement: int = 0


def pack_data(
    source: Source, plan: Plan, names: Names, bundle: BundleWriter, trial: Connection, progress: Progress
) -> DataFacts:
    """Add the database's chunks to `bundle`; `trial` is an empty scratch database.

    Raises ShoplaunchError `template_occupied`, `template_too_large`, `row_too_large`, `dump_failed`.
    """
    _require_packable(source.tables)
    facts = DataFacts(notes=list(source.notes))
    writer = ChunkWriter(lambda chunk: _add(bundle, chunk))
    progress.phase("tables", len(source.tables))
    creates = {}
    for table in source.tables.values():
        where = plan.condition(table.name)
        rows = source.count(table.name)
        goes_on = where is not None or plan.goes_on(table.name)
        text = source.create_text(table.name)
        empty = empty_choices.held(source, table, text)
        if empty:
            facts.notes.append(empty_choices.note(table.name, empty))
        create, engine = schema.as_innodb(empty_choices.listed(text, empty), goes_on)
        creates[table.name] = schema.try_definition(trial, table, create)
        definition = schema.take_apart(creates[table.name], table.name, 0 if where is None else rows)
        definition.converted_from = engine
        facts.definitions[table.name] = definition
        packed = 0
        if where is None:
            facts.emptied[table.name] = rows
        else:
            packed = _pack_rows(source, where, _TablePacker(table, plan, names, facts), writer)
        if rows:
            facts.compared[table.name] = (rows, packed)
        progress.advance()
    writer.finish()
    schema.keep_referenced(facts.definitions, creates)
    facts.largest_row, facts.largest_statement = writer.largest_row, writer.largest_statement
    return facts


def _require_packable(tables: Collection[str]) -> None:
    """Raise ShoplaunchError `template_occupied` for a table of one of the agent's names, `template_too_large` for more
    tables than fit into an agent's report.
    """
    for reserved in (LEDGER_TABLE, ATTEMPT_TABLE):
        if reserved in tables:
            raise ShoplaunchError("template_occupied", f"the database holds the table {reserved}")
    size = len(json.dumps(dict.fromkeys(tables, _MANY_ROWS)))
    if size > MAX_TABLES_BYTES:
        message = f"{len(tables)} tables take up to {size} bytes in an agent's report, {MAX_TABLES_BYTES} at most"
        raise ShoplaunchError("template_too_large", message)


def _pack_rows(source: Source, where: str, packer: _TablePacker, writer: ChunkWriter) -> int:
    """Pack a table's rows and return their number."""
    if not where:
        packer.digest(source)
    writer.begin(packer.table)
    packed = 0
    for packed, row in enumerate(source.rows(packer.table, where), 1):  # noqa: B007 - the last number is the count
        writer.row(*packer.row(row))
    packer.finish()
    return packed


class _TablePacker:
    """Writes one table's rows as literals and records the filled cells."""

    def __init__(self, table: Table, plan: Plan, names: Names, facts: DataFacts) -> None:
        self.table = table
        self._plan = plan
        self._names = names
        self._facts = facts
        self._columns = table.stored
        self._writers = [literals.writer_of(column) for column in self._columns]
        self._filled: dict[str, list[tuple[Key, bytes | None]]] = {}

    def digest(self, source: Source) -> None:
        """Keep the digest of the whole table in the template."""
        row = source.query(digests.digest_sql(self.table, {}))[0]
        self._facts.source_digests[self.table.name] = digests.digest_row(row)

    def row(self, row: Row) -> tuple[list[bytes], bool]:
        """Return (literals, whether one of them has a placeholder)."""
        # No mark spans a zero byte: all values are searched in one go
        self._names.check_free(b"\0".join([value for value in row if value]), self.table.name)
        templates = self._plan.row(self.table, row)
        if templates is row:
            return self._plain(row), False
        return self._changed(row, templates)

    def finish(self) -> None:
        """Keep the filled cells for verification."""
        for column, cells in self._filled.items():
            for part in by_query(cells):
                keys, templates = tuple(key for key, _ in part), tuple(template for _, template in part)
                self._facts.cells.append(Cells(self.table.name, column, keys, templates))

    def _plain(self, row: Row) -> list[bytes]:
        return [b"NULL" if value is None else write(value) for write, value in zip(self._writers, row, strict=True)]

    def _changed(self, row: Row, templates: Sequence[bytes | None]) -> tuple[list[bytes], bool]:
        written = self._plain(tuple(templates))
        has_placeholders = False
        changed = self._facts.changed.setdefault(self.table.name, set())
        pairs = list(zip(row, templates, strict=True))
        # A row whose key itself was changed cannot be found by it
        keyed = bool(self.table.key) and not any(
            before != template and self._columns[place].name in self.table.key
            for place, (before, template) in enumerate(pairs)
        )
        for place, (before, template) in enumerate(pairs):
            if template is before or template == before:
                continue
            column = self._columns[place]
            changed.add(column.name)
            if template is None or not self._names.take(template):
                continue
            has_placeholders = True
            escaped = append_step(sql_escape(template), self._plan.nonce, "sql")
            written[place] = literals.template_literal(escaped, column)
            self._remember(row, column.name, template, keyed)
        return written, has_placeholders

    def _remember(self, row: Row, column: str, template: bytes, keyed: bool) -> None:
        if keyed:
            key = digests.key_of(self.table, row)
            self._filled.setdefault(column, []).append((key, template))
        elif self.table.name not in self._facts.unkeyed:
            self._facts.unkeyed.append(self.table.name)


def _add(bundle: BundleWriter, chunk: Chunk) -> None:
    owner = {"table": chunk.table} if chunk.table is not None else {}
    bundle.add("data", gzipped(chunk.sql), chunk.placeholders, len(chunk.sql), "", rows=chunk.rows, **owner)
