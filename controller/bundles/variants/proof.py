"""Tries each variant on the two loads of the scratch server, collects its evidence, and rolls it back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from controller.bundles.pack import digests
from controller.bundles.pack.digests import Cells
from controller.bundles.proof import scratch_load
from controller.bundles.proof.scratch_load import TableProof
from controller.bundles.rewrite.templates import marks
from controller.bundles.source.database.snapshot import Table
from controller.bundles.source.servers.connections import Connection, Refused, Row, name
from controller.bundles.variants.declaration import Rows, Step, Variant, wrong
from shared.errors import ShoplaunchError
from shared.placeholders import Renderer

if TYPE_CHECKING:
    from shared.documents import Statement, StatementCheck

#: The largest number that a server assigns to a row.
LARGEST_NUMBER = (1 << 64) - 1


@dataclass(frozen=True)
class Trial:
    """Two loads of the same bundle with different values: `databases` on one server, and the renderer of each."""

    databases: tuple[str, str]
    renderers: tuple[Renderer, Renderer]
    configure: Sequence[Statement]
    tables: Mapping[str, TableProof]
    cells: Sequence[Cells]
    nonce: str
    #: The values that every shop has in cells of a row (controller.bundles.pack.plan.Plan.cells).
    own: Callable[[Table, Row], Mapping[str, bytes | None]]
    #: A statement may change tables it does not name.
    has_triggers: bool


@dataclass(frozen=True)
class _Load:
    """One of the two databases, on the connection whose transaction holds the trial."""

    connection: Connection
    database: str
    renderer: Renderer
    moment: int

    def run(self, sql: str, params: Sequence[str] = ()) -> tuple[int, list[Row]]:
        self.connection.query(f"USE {name(self.database)}")
        return self.connection.run(sql, params)

    def rows(self, sql: str, params: Sequence[str] = ()) -> list[Row]:
        return self.run(sql, params)[1]

    def one(self, sql: str, params: Sequence[str] = ()) -> Row:
        return self.rows(sql, params)[0]

    def statement(self, statement: Statement | StatementCheck) -> tuple[int, list[Row]]:
        return self.run(statement["sql"], [scratch_load.rendered(self.renderer, part) for part in statement["params"]])

    def digests(self, tables: Mapping[str, Table]) -> dict[str, list[str]]:
        """Return by table the digest of its whole content, cells of the job's values included."""
        return {known: digests.digest_row(self.one(digests.digest_sql(table, {}))) for known, table in tables.items()}


@dataclass(frozen=True)
class Proved:
    """The proof of a variant: its entry of `db/variants.json.gz`, and the size in bytes of its largest statement."""

    entry: dict[str, Any]
    largest_statement: int


def prove(connection: Connection, variant: Variant, trial: Trial) -> Proved:
    """Run the variant once in either load, as the agent does, and return its effect there.

    Both loads are unchanged afterwards. Raises ShoplaunchError `variant_invalid`.
    """
    places = zip(trial.databases, trial.renderers, scratch_load.MOMENTS, strict=True)
    loads = [_Load(connection, *place) for place in places]
    named = {step.table for step in variant.steps}
    tables = {known: one.table for known, one in trial.tables.items() if trial.has_triggers or known in named}
    for which, load in enumerate(loads):
        _number_anew(load, tables, which)
    with _taken_back(connection):
        before = [load.digests(tables) for load in loads] if trial.has_triggers else []
        made = [_carried_out(variant, load, trial) for load in loads]
        if made[0] != made[1]:
            raise wrong(variant.name, "which rows it changes depends on a shop's own values")
        after = [load.digests(tables) for load in loads]
        changed = {known for old, new in zip(before, after, strict=False) for known in old if old[known] != new[known]}
        touched = sorted(named | changed)
        proved = _prove_tables(variant, trial, loads, touched)
        entry = {"statements": made[0], **proved}
        largest = max((_sent_bytes(load, one) for load in loads for one in made[0]), default=0)
        for load, old in zip(loads, after, strict=True):
            _check_repeatable(variant, load, tables, old)
    return Proved(entry, largest)


def _number_anew(load: _Load, tables: Mapping[str, Table], which: int) -> None:
    """Set the counters so that new rows get different numbers in the two loads, whatever was tried before."""
    counting = "SELECT TABLE_NAME, COLUMN_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE()"
    for table, column in load.rows(counting + " AND EXTRA LIKE '%auto_increment%'"):
        known = (table or b"").decode("utf-8")
        if known in tables:
            largest = load.one(f"SELECT MAX({name((column or b'').decode('utf-8'))}) FROM {name(known)}")[0]
            following = min(max(int(largest or 0), 0) + 1 + which, LARGEST_NUMBER)
            load.run(f"ALTER TABLE {name(known)} AUTO_INCREMENT = {following}")


@contextmanager
def _taken_back(connection: Connection) -> Iterator[None]:
    connection.query("BEGIN")
    try:
        yield
    finally:
        connection.query("ROLLBACK")
        connection.query("SET timestamp=DEFAULT")


def _carried_out(variant: Variant, load: _Load, trial: Trial) -> list[Statement]:
    """Run the variant in one load; return its statements, each with the check of its effect."""
    load.run(f"SET timestamp={load.moment}")
    promised = [_outcome(load, statement) for statement in trial.configure]
    counted = []
    for step in variant.steps:
        counted.append(_carry_out(variant, step, load))
        for statement, outcome in zip(trial.configure, promised, strict=True):
            if _outcome(load, statement) != outcome:
                raise wrong(variant.name, f"{step.what} undoes what is set for every shop: {statement['sql'][:200]}")
    made: list[Statement] = []
    for step, meant in zip(variant.steps, counted, strict=True):
        statement = step.statement.copy()
        if step.kept is not None:
            kept = _count(variant, step.what, load, step.kept)
            if kept < meant:
                raise wrong(variant.name, f"{step.what}: {meant - kept} of {meant} rows are not as it sets them")
            statement["check"] = {"sql": f"SELECT COUNT(*) {step.kept[0]}", "params": step.kept[1],
                                  "expect": [str(kept)]}  # fmt: skip
            _check_own(variant, step, step.kept, load, trial)
        made.append(statement)
    for promise in [*trial.configure, *made]:
        _check(variant, load, promise)
    return made


def _outcome(load: _Load, statement: Statement | StatementCheck) -> tuple[int, bytes]:
    """Return how many rows a statement would match, and the server's info; the statement is rolled back."""
    load.connection.query("SAVEPOINT outcome")
    try:
        return load.statement(statement)[0], load.connection.said
    except Refused as problem:
        return 0, problem.message.encode("utf-8")
    finally:
        load.connection.query("ROLLBACK TO SAVEPOINT outcome")


def _carry_out(variant: Variant, step: Step, load: _Load) -> int:
    """Run one statement; return the number of rows to change."""
    meant = 0
    if step.meant is not None:
        meant = _count(variant, step.what, load, step.meant)
        if not meant:
            raise wrong(variant.name, f"{step.what}: the bundle has no such row in {step.table}")
    _run(variant, step.what, load, step.statement)
    lost = load.connection.warnings() if load.connection.warning_count else []
    if lost:
        raise wrong(variant.name, f"{step.what}: {lost[0]}")
    return meant


def _count(variant: Variant, what: str, load: _Load, rows: Rows) -> int:
    return int(_run(variant, what, load, {"sql": f"SELECT COUNT(*) {rows[0]}", "params": rows[1]})[1][0][0] or 0)


def _run(variant: Variant, what: str, load: _Load, statement: Statement | StatementCheck) -> tuple[int, list[Row]]:
    try:
        return load.statement(statement)
    except Refused as problem:
        raise wrong(variant.name, f"{what}: {problem.message}") from problem


def _check_own(variant: Variant, step: Step, rows: Rows, load: _Load, trial: Trial) -> None:
    """Raise ShoplaunchError if the set rows change a cell that every new shop sets, for its safety or as its own."""
    table = trial.tables[step.table].table
    columns = [column.name for column in table.stored]
    shown = ", ".join(name(column).replace("%", "%%") for column in columns)
    for row in _run(variant, step.what, load, {"sql": f"SELECT {shown} {rows[0]}", "params": rows[1]})[1]:
        held = dict(zip(columns, row, strict=True))
        for column, template in trial.own(table, row).items():
            if held[column] != (None if template is None else load.renderer.render(template)):
                raise wrong(
                    variant.name,
                    f"{step.what}: a new shop begins with a safe value, or one of its own, in {table.name}.{column}",
                )


def _check(variant: Variant, load: _Load, statement: Statement) -> None:
    """Raise ShoplaunchError unless the statement's check holds at the end, together with the configure statements."""
    check = statement.get("check")
    if check is None:
        return
    rows = _run(variant, check["sql"], load, check)[1]
    expected = [
        None if part is None else scratch_load.rendered(load.renderer, part).encode() for part in check["expect"]
    ]
    if not rows or list(rows[0]) != expected:
        raise wrong(variant.name, f"it undoes what is set for every shop, or itself: {check['sql']} {check['params']}")


def _prove_tables(
    variant: Variant, trial: Trial, loads: Sequence[_Load], touched: Sequence[str]
) -> dict[str, list[dict[str, object]]]:
    """Return "tables" and "cells" of a variant's entry: the tables it changed as they are now, and their cells."""
    tables = [_prove_table(variant, trial.tables[table], loads, trial.databases) for table in touched]
    known = {one.table.name: one.table for one in tables}
    cells = [one for one in trial.cells if one.table in known]
    for load in loads:
        cells = scratch_load.matching_cells(load, cells, load.renderer, known)
    _check_kept(variant, trial, touched, cells)
    return {"tables": [table.as_json() for table in tables], "cells": scratch_load.cells_documents(cells, known)}


def _prove_table(
    variant: Variant, before: TableProof, loads: Sequence[_Load], databases: tuple[str, str]
) -> TableProof:
    table = before.table
    try:
        proved = scratch_load.prove_table(table, loads[0], loads[1], databases)
    except ShoplaunchError as problem:
        if problem.code != "proof_digest":
            raise
        raise wrong(variant.name, f"rows it adds to {table.name} are not the same in every shop") from problem
    numbered = (proved.left_out - before.left_out) & set(table.key)
    if numbered:
        raise wrong(variant.name, f"rows it adds to {table.name} are not numbered the same in every shop")
    return proved


def _check_repeatable(
    variant: Variant, load: _Load, tables: Mapping[str, Table], before: Mapping[str, list[str]]
) -> None:
    """Raise ShoplaunchError `variant_invalid` if running the variant once more changes anything."""
    anew = "changes rows anew when all of it is carried out a second time"
    load.run(f"SET timestamp={load.moment}")
    for step in variant.steps:
        if _run(variant, step.what, load, step.statement)[0]:
            raise wrong(variant.name, f"{step.what} {anew}")
    after = load.digests(tables)
    for table in tables:
        if after[table] != before[table]:
            raise wrong(variant.name, f"a trigger {anew}, in {table}")


def _sent_bytes(load: _Load, statement: Statement | StatementCheck) -> int:
    sent = load.connection.filled(
        statement["sql"], [scratch_load.rendered(load.renderer, part) for part in statement["params"]]
    )
    return len(sent.encode("utf-8"))


def _check_kept(variant: Variant, trial: Trial, touched: Sequence[str], kept: Sequence[Cells]) -> None:
    """Raise ShoplaunchError `variant_invalid` where the variant overwrote a cell that holds one value of the job.

    Cells with such values inside a longer text may be overwritten.
    """
    left = {(one.table, one.column, key) for one in kept for key in one.keys}
    for one in trial.cells:
        if one.table not in touched:
            continue
        for key, template in zip(one.keys, one.templates, strict=True):
            if (one.table, one.column, key) not in left and template and _is_value(template, trial.nonce):
                raise wrong(
                    variant.name, f"it overwrites a value that is made for every shop, in {one.table}.{one.column}"
                )


def _is_value(template: bytes, nonce: str) -> bool:
    found = marks(template, nonce)
    return len(found) == 1 and (found[0].start, found[0].end) == (0, len(template))
