"""Tries each variant on the two loads of the scratch server, takes what proves it there, and takes it back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from controller.bundles import digests, proof
from controller.bundles.connections import Connection, Refused, Row, name
from controller.bundles.proof import Cells, TableProof
from controller.bundles.templates import marks
from controller.bundles.variants import Query, Step, Variant, wrong
from shared.placeholders import Renderer


@dataclass(frozen=True)
class Trial:
    """Two loads of the same bundle with different values: `databases` on one server, and the renderer of each."""

    databases: tuple[str, str]
    renderers: tuple[Renderer, Renderer]
    configure: Sequence[Mapping[str, Any]]
    tables: Mapping[str, TableProof]
    cells: Sequence[Cells]
    nonce: str
    #: A statement may change tables it does not name.
    has_triggers: bool


@dataclass(frozen=True)
class _Load:
    """One of the two databases, over the one connection whose transaction holds the trial."""

    connection: Connection
    database: str

    def run(self, sql: str, params: Sequence[str] = ()) -> tuple[int, list[Row]]:
        self.connection.query(f"USE {name(self.database)}")
        return self.connection.run(sql, params)

    def rows(self, sql: str, params: Sequence[str] = ()) -> list[Row]:
        return self.run(sql, params)[1]

    def one(self, sql: str, params: Sequence[str] = ()) -> Row:
        return self.rows(sql, params)[0]


def prove(connection: Connection, variant: Variant, trial: Trial) -> dict[str, Any]:
    """Return the variant's entry of `db/variants.json.gz`: statements, and tables and cells as they are with it.

    Both loads are afterwards what they were before. Raises ShoplaunchError `variant_invalid`, `proof_digest`.
    """
    loads = (_Load(connection, trial.databases[0]), _Load(connection, trial.databases[1]))
    with _taken_back(connection):
        made = [_carried_out(variant, load, trial, which) for which, load in enumerate(loads)]
        if made[0] != made[1]:
            raise wrong(variant.name, "which rows it changes depends on a shop's own values")
        touched = _touched(variant, loads, trial)
        tables = [proof.prove_table(trial.tables[table].table, *loads, trial.databases) for table in touched]
        cells = [one for one in trial.cells if one.table in touched]
        for load, renderer in zip(loads, trial.renderers, strict=True):
            cells = proof.matching_cells(load, cells, renderer, {one.table.name: one.table for one in tables})
        _check_kept(variant, trial, touched, cells)
    known = {one.table.name: one.table for one in tables}
    return {
        "statements": made[0],
        "tables": [table.as_json() for table in tables],
        "cells": proof.cells_documents(cells, known),
    }


@contextmanager
def _taken_back(connection: Connection) -> Iterator[None]:
    connection.query("BEGIN")
    try:
        yield
    finally:
        connection.query("ROLLBACK")
        connection.query("SET timestamp=DEFAULT")


def _carried_out(variant: Variant, load: _Load, trial: Trial, which: int) -> list[dict[str, Any]]:
    """Carry the variant out in one load; return its statements, each with the check of what it leaves."""
    renderer = trial.renderers[which]
    load.run(f"SET timestamp={proof.MOMENTS[which]}")
    counted = [_carry_out(variant, step, load, renderer) for step in variant.steps]
    for step in variant.steps:
        if _run(variant, step.what, load, renderer, step.statement)[0]:
            raise wrong(variant.name, f"{step.what} changes rows anew when all of it is carried out a second time")
    made: list[dict[str, Any]] = []
    for step, meant in zip(variant.steps, counted, strict=True):
        statement = dict(step.statement)
        if step.kept is not None:
            kept = _count(variant, step.what, load, renderer, step.kept)
            if kept < meant:
                raise wrong(variant.name, f"{step.what}: {meant - kept} of {meant} rows are not as it sets them")
            statement["check"] = {"sql": step.kept[0], "params": step.kept[1], "expect": [str(kept)]}
        made.append(statement)
    for promise in [*trial.configure, *made]:
        _check(variant, load, renderer, promise)
    return made


def _carry_out(variant: Variant, step: Step, load: _Load, renderer: Renderer) -> int:
    """Run one statement; return how many rows it is meant for."""
    meant = 0
    if step.meant is not None:
        meant = _count(variant, step.what, load, renderer, step.meant)
        if not meant:
            raise wrong(variant.name, f"{step.what}: the bundle has no such row in {step.table}")
    _run(variant, step.what, load, renderer, step.statement)
    lost = load.connection.warnings() if load.connection.warning_count else []
    if lost:
        raise wrong(variant.name, f"{step.what}: {lost[0]}")
    return meant


def _count(variant: Variant, what: str, load: _Load, renderer: Renderer, query: Query) -> int:
    return int(_run(variant, what, load, renderer, {"sql": query[0], "params": query[1]})[1][0][0] or 0)


def _run(
    variant: Variant, what: str, load: _Load, renderer: Renderer, statement: Mapping[str, Any]
) -> tuple[int, list[Row]]:
    try:
        return load.run(statement["sql"], [proof.rendered(renderer, part) for part in statement["params"]])
    except Refused as problem:
        raise wrong(variant.name, f"{what}: {problem.message}") from problem


def _check(variant: Variant, load: _Load, renderer: Renderer, statement: Mapping[str, Any]) -> None:
    """What the statement promises is there when all is done, also of those every shop is configured with."""
    check = statement.get("check")
    if check is None:
        return
    rows = _run(variant, check["sql"], load, renderer, check)[1]
    expected = [None if part is None else proof.rendered(renderer, part).encode() for part in check["expect"]]
    if not rows or list(rows[0]) != expected:
        raise wrong(variant.name, f"it undoes what is set for every shop, or itself: {check['sql']} {check['params']}")


def _touched(variant: Variant, loads: Sequence[_Load], trial: Trial) -> list[str]:
    named = {step.table for step in variant.steps}
    if trial.has_triggers:
        for table, known in trial.tables.items():
            if any(digests.digest_row(load.one(known.sql)) != known.digest for load in loads):
                named.add(table)
    return sorted(named)


def _check_kept(variant: Variant, trial: Trial, touched: Sequence[str], kept: Sequence[Cells]) -> None:
    """Raise ShoplaunchError `variant_invalid` where the variant overwrote a cell that holds one value of the job.

    Texts in which such values stand may become other texts.
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
