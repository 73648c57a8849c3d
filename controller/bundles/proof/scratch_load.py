"""Loads a bundle's database into the scratch server, as the agent would, and collects evidence from it."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from controller.bundles.pack import digests
from controller.bundles.pack.digests import Cells, Masks
from controller.bundles.source.database.schema import Definition
from controller.bundles.source.database.snapshot import Routine, Table
from controller.bundles.source.servers.connections import Connection, Refused, Row, name
from shared.errors import ShoplaunchError
from shared.placeholders import Renderer

if TYPE_CHECKING:
    from shared.documents import Statement, StatementCheck

#: Two moments, so that clock-dependent values differ between two loads like those that depend on a job.
MOMENTS = (1_000_000_000, 1_500_000_000)


class Readable(Protocol):
    """Anything that answers queries: a connection, or one of several databases on the same connection."""

    def rows(self, sql: str) -> list[Row]:
        """Return all rows of a query."""

    def one(self, sql: str) -> Row:
        """Return the first row of a query that has one."""


@dataclass(frozen=True)
class LoadChunk:
    """A data chunk to load: its gzipped SQL lines in a file, and the rows they must affect."""

    name: str
    path: Path
    rows: int
    placeholders: bool


@dataclass
class TableProof:
    """One table's entry in the manifest."""

    table: Table
    rows: int = 0
    sql: str = ""
    digest: list[str] = field(default_factory=list)
    masks: Masks = field(default_factory=dict)
    left_out: set[str] = field(default_factory=set)

    def as_json(self) -> dict[str, object]:
        """Return the table's entry for the manifest."""
        return {
            "name": self.table.name,
            "rows": self.rows,
            "digest_sql": self.sql,
            "digest": self.digest,
            "text_columns": digests.text_columns(self.table),
        }


@dataclass(frozen=True)
class Load:
    """Everything that a database is made from."""

    definitions: Mapping[str, Definition]
    chunks: Sequence[LoadChunk]
    routines: Sequence[Routine]
    configure: Sequence[Statement]


def load_data(connection: Connection, load: Load, renderer: Renderer) -> int:
    """Make the tables and load every chunk; return the size in bytes of the largest statement sent.

    Raises ShoplaunchError `proof_rows_affected`, `db_data_error`.
    """
    largest = 0
    for definition in load.definitions.values():
        _run(connection, definition.create, definition.table)
    for chunk in load.chunks:
        plain = gzip.decompress(chunk.path.read_bytes())
        data = renderer.render(plain) if chunk.placeholders else plain
        connection.query("BEGIN")
        affected = 0
        for statement in data.rstrip(b"\n").split(b"\n"):
            largest = max(largest, len(statement))
            affected += _run(connection, statement, chunk.name)
            if connection.warning_count:
                warning = "; ".join(connection.warnings()[:3])
                raise ShoplaunchError("proof_rows_affected", f"{chunk.name} raises warnings: {warning}"[:500])
        connection.query("COMMIT")
        if affected != chunk.rows:
            raise ShoplaunchError("proof_rows_affected", f"{chunk.name} changed {affected} rows, not {chunk.rows}")
    return largest


def finish_schema(connection: Connection, load: Load) -> list[Routine]:
    """Make late indexes, foreign keys and routines; return the routines in a working order of creation."""
    for definition in load.definitions.values():
        for statement in definition.late:
            _run(connection, statement, definition.table)
    for definition in load.definitions.values():
        for _, statement in definition.foreign_keys:
            _run(connection, statement, definition.table)
    ordered: list[Routine] = []
    waiting = list(load.routines)
    while waiting:
        problem: Refused | None = None
        left = []
        for routine in waiting:
            try:
                connection.query(routine.create)
                ordered.append(routine)
            except Refused as refused:
                # A view may need one whose name sorts later
                problem = refused
                left.append(routine)
        if len(left) == len(waiting) and problem is not None:
            raise ShoplaunchError("dump_failed", f"{left[0].kind} {left[0].name}: {problem.message}"[:500])
        waiting = left
    return ordered


def configure(connection: Connection, load: Load, renderer: Renderer, moment: int) -> None:
    """Run the configure statements and their checks. Raises ShoplaunchError `configure_failed`."""
    connection.query(f"SET timestamp={moment}")
    carry_out(connection, load.configure, renderer)
    connection.query("SET timestamp=DEFAULT")


def carry_out(connection: Connection, statements: Sequence[Statement], renderer: Renderer) -> None:
    """Run statements, then verify each one's check, as the agent does.

    Raises ShoplaunchError `configure_failed`.
    """
    for number, statement in enumerate(statements, 1):
        affected = _parametrised(connection, statement, renderer, number)[0]
        low, high = statement.get("min_rows", 0), statement.get("max_rows", affected)
        if not low <= affected <= high:
            message = f"statement {number} changed {affected} rows, not {low} to {high}: {statement['sql'][:200]}"
            raise ShoplaunchError("configure_failed", message)
    for number, statement in enumerate(statements, 1):
        check = statement.get("check")
        if check is None:
            continue
        rows = _parametrised(connection, check, renderer, number)[1]
        expected = [None if part is None else rendered(renderer, part).encode() for part in check["expect"]]
        if not rows or list(rows[0]) != expected:
            raise ShoplaunchError("configure_failed", f"statement {number} cannot be read back: {check['sql'][:200]}")


def matching_cells(
    connection: Readable, cells: Sequence[Cells], renderer: Renderer, tables: Mapping[str, Table]
) -> list[Cells]:
    """Return the cells that read back as rendered, without the others; `tables` are their tables by name."""
    good = []
    for group in cells:
        rows = connection.rows(digests.cells_sql(tables[group.table], group.column, group.keys))
        if len(rows) != len(group.keys):
            continue
        pairs = zip(group.keys, group.templates, rows, strict=True)
        kept = [(key, part) for key, part, row in pairs if row[0] == (None if part is None else renderer.render(part))]
        if kept:
            good.append(Cells(group.table, group.column, tuple(k for k, _ in kept), tuple(p for _, p in kept)))
    return good


def require_cells(
    connection: Connection, cells: Sequence[Cells], renderer: Renderer, tables: Mapping[str, Table]
) -> None:
    """Raise ShoplaunchError `proof_cell` unless every filled cell of `tables` reads back as rendered."""
    kept = {(one.table, one.column): 0 for one in cells}
    for one in matching_cells(connection, cells, renderer, tables):
        kept[(one.table, one.column)] += len(one.keys)
    for one in cells:
        kept[(one.table, one.column)] -= len(one.keys)
    wrong = sorted(f"{table}.{column}" for (table, column), left in kept.items() if left)
    if wrong:
        raise ShoplaunchError("proof_cell", f"filled cells do not read back: {', '.join(wrong[:10])}")


def take(
    first: Connection, second: Connection, names: tuple[str, str], tables: Mapping[str, Table]
) -> dict[str, TableProof]:
    """Return the proof of each of `tables` from two loads with different values.

    Cells that differ between them depend on a job's values and are masked. `names` are the two databases' names.
    Raises ShoplaunchError `proof_digest` when the two do not have the same rows.
    """
    proofs: dict[str, TableProof] = {}
    for table in tables.values():
        proofs[table.name] = prove_table(table, first, second, names)
    return proofs


def prove_table(table: Table, first: Readable, second: Readable, names: tuple[str, str]) -> TableProof:
    """Return the proof of one table, as `take` does."""
    proof = TableProof(table, sql=digests.digest_sql(table, {}))
    proof.digest, other = _digests(proof.sql, first, second)
    if proof.digest != other:
        _mask(proof, other, first, names)
        proof.sql = digests.digest_sql(table, proof.masks, proof.left_out)
        proof.digest, other = _digests(proof.sql, first, second)
    if proof.digest != other:
        raise ShoplaunchError("proof_digest", f"two loads of {table.name} differ beyond the filled cells")
    proof.rows = int(proof.digest[0])
    return proof


def _digests(sql: str, first: Readable, second: Readable) -> tuple[list[str], list[str]]:
    return digests.digest_row(first.one(sql)), digests.digest_row(second.one(sql))


def _mask(proof: TableProof, other: Sequence[str], first: Readable, names: tuple[str, str]) -> None:
    table, left, right = proof.table, proof.digest, other
    if left[0] != right[0]:
        raise ShoplaunchError("proof_digest", f"two loads of {table.name} have {left[0]} and {right[0]} rows")
    for number, column in enumerate(digests.digest_columns(table)):
        here = slice(1 + 2 * number, 3 + 2 * number)
        if left[here] == right[here]:
            continue
        if not table.key or column.name in table.key:
            proof.left_out.add(column.name)
            continue
        rows = first.rows(digests.differing_sql(table, column.name, *names))
        proof.masks[column.name] = [tuple(part or b"" for part in row) for row in rows]
        if len(rows) > digests.MAX_MASKED_ROWS:
            proof.left_out.add(column.name)


def _run(connection: Connection, statement: str | bytes, where: str) -> int:
    try:
        return connection.query(statement)
    except Refused as problem:
        raise ShoplaunchError("db_data_error", f"{where}: {problem.message}"[:500]) from problem


def _parametrised(
    connection: Connection, statement: Statement | StatementCheck, renderer: Renderer, number: int
) -> tuple[int, list[Row]]:
    params = [rendered(renderer, part) for part in statement["params"]]
    try:
        return connection.run(statement["sql"], params)
    except Refused as problem:
        raise ShoplaunchError("configure_failed", f"statement {number}: {problem.message}"[:500]) from problem


def rendered(renderer: Renderer, template: str) -> str:
    """Return a text template, rendered."""
    filled: bytes = renderer.render(template.encode("utf-8"))
    return filled.decode("utf-8")


def cells_documents(cells: Iterable[Cells], tables: Mapping[str, Table]) -> list[dict[str, object]]:
    """Return the entries of `db/cells.json.gz`."""
    return [
        {
            "table": group.table,
            "sql": digests.cells_sql(tables[group.table], group.column, group.keys),
            "expect": [None if one is None else coded(one) for one in group.templates],
        }
        for group in cells
    ]


def coded(data: bytes) -> str:
    """Return bytes as the base64 text that a JSON document carries."""
    return base64.b64encode(data).decode("ascii")


def same_as_source(connection: Connection, table: Table, source: list[str], changed: set[str]) -> None:
    """Compare a loaded table with the digest taken from the template; `changed` columns are not compared.

    Raises ShoplaunchError `proof_digest` when a value was changed on the way.
    """
    loaded = digests.digest_row(connection.one(digests.digest_sql(table, {})))
    if loaded[0] != source[0]:
        raise ShoplaunchError("proof_rows", f"{table.name} has {loaded[0]} rows, the template {source[0]}")
    for number, column in enumerate(digests.digest_columns(table)):
        here = slice(1 + 2 * number, 3 + 2 * number)
        if column.name not in changed and source[here] != loaded[here]:
            raise ShoplaunchError("proof_digest", f"{name(table.name)}.{name(column.name)} differs from the template")
