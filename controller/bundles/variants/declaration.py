"""Reads a template's declaration of variants, and builds the statements for each one's database changes."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from controller.bundles.pack.plan import Plan
from controller.bundles.rewrite.placeholder_names import Names
from controller.bundles.source.database.snapshot import TEXT, Column, Source, Table
from controller.bundles.source.servers.connections import name as quoted
from controller.bundles.variants.spellings import spellings
from shared.bundle import check_path
from shared.errors import ShoplaunchError

if TYPE_CHECKING:
    from shared.documents import Statement

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}\Z")
MAX_TITLE_CHARS = 128
_KEY = re.compile(r"[A-Za-z0-9_.-]{1,254}\Z")
_PARTS = ("title", "configuration", "rows", "files")
_ROW_PARTS = ("table", "where", "set")
#: What follows the columns of a SELECT, and the templates of its parameters.
Rows = tuple[str, list[str]]


@dataclass(frozen=True)
class Step:
    """One statement of a variant (manifest.json#/definitions/statement), described by `what` for the operator.

    `meant` selects the rows to change, `kept` those that already have the wanted values; None where the statement
    brings its own check.
    """

    what: str
    table: str
    statement: Statement
    meant: Rows | None = None
    kept: Rows | None = None


@dataclass(frozen=True)
class Variant:
    """One variant: `files` is the folder with the files that replace or extend the tree's."""

    name: str
    title: str
    steps: Sequence[Step]
    files: Path | None


def wrong(variant: str, what: str) -> ShoplaunchError:
    """Return the ShoplaunchError `variant_invalid` about a variant."""
    return ShoplaunchError("variant_invalid", f"variant {variant}: {what}"[:500])


def read(path: Path, plan: Plan, source: Source, names: Names) -> list[Variant]:
    """Return the variants declared in the TOML file at `path`, by name.

    Raises ShoplaunchError `file_error`, `variant_invalid`, `template_occupied`.
    """
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except OSError as problem:
        raise ShoplaunchError("file_error", f"{path}: {problem.strerror}") from problem
    except ValueError as problem:
        raise ShoplaunchError("variant_invalid", f"{path} is not TOML: {problem}"[:500]) from problem
    if not document:
        raise ShoplaunchError("variant_invalid", f"{path} declares no variant")
    found = [_variant(name, document[name], path.parent, plan, source, names) for name in sorted(document)]
    _check_distinct(found)
    return found


def _check_distinct(variants: Sequence[Variant]) -> None:
    """Raise ShoplaunchError unless every name and title is unique: an order names a variant by either."""
    known: dict[str, str] = {}
    for variant in variants:
        for word in {variant.name.casefold(), *spellings(variant.title)}:
            if word in known:
                raise wrong(variant.name, f"its name or title is also that of {known[word]}")
            known[word] = variant.name


def _variant(name: str, declared: object, folder: Path, plan: Plan, source: Source, names: Names) -> Variant:
    if not NAME.match(name):
        raise wrong(name[:80], "a name is made of letters, digits, dots, dashes and underscores, 63 at most")
    if not isinstance(declared, dict):
        raise wrong(name, "it is not a table")
    _only(name, declared, _PARTS, "part")
    values = _Values(name, plan, names)
    steps = []
    for key, value in _table(name, declared.get("configuration", {}), "configuration").items():
        steps += _setting(values, key, value, plan)
    rows = declared.get("rows", [])
    if not isinstance(rows, list):
        raise wrong(name, "rows is not a list")
    steps += [_row(values, number, row, plan, source) for number, row in enumerate(rows, 1)]
    return Variant(name, _title(name, declared.get("title", name)), steps, _folder(name, declared, folder))


class _Values:
    """Converts the values of one variant to templates."""

    def __init__(self, variant: str, plan: Plan, names: Names) -> None:
        self.variant = variant
        self._plan = plan
        self._names = names

    def template(self, value: object, what: str) -> str:
        """Return a value's text as a template. Raises ShoplaunchError `variant_invalid`, `template_occupied`."""
        if isinstance(value, bool):
            return str(int(value))
        if not isinstance(value, str | int | float):
            raise wrong(self.variant, f"{what} is neither text nor number")
        text = str(value).encode("utf-8")
        self._names.check_free(text, f"variant {self.variant}, {what}")
        return self._plan.text(text, f"variant {self.variant}, {what}").decode("utf-8")


def _setting(values: _Values, key: str, value: object, plan: Plan) -> list[Step]:
    what = f"configuration {key[:80]}"
    if not _KEY.match(key):
        raise wrong(values.variant, f"{what}: no name of a setting")
    template = values.template(value, what)
    try:
        return [Step(what, table, statement) for table, statement in plan.setting(key, template)]
    except ShoplaunchError as problem:
        raise wrong(values.variant, f"{what}: {problem.message}") from problem


def _row(values: _Values, number: int, row: object, plan: Plan, source: Source) -> Step:
    what = f"rows {number}"
    name = values.variant
    found = _table(name, row, what)
    _only(name, found, _ROW_PARTS, f"part of {what}")
    short = found.get("table")
    if not isinstance(short, str) or plan.table(short) not in source.tables:
        raise wrong(name, f"{what}: the template has no table {str(short)[:80]!r}")
    table = source.tables[plan.table(short)]
    where = _cells(values, f"{what} where", found.get("where"), table)
    new = _cells(values, f"{what} set", found.get("set"), table)
    for column in new:
        if column.generated:
            raise wrong(name, f"{what} set: the server computes {column.name} itself")
    full = quoted(table.name).replace("%", "%%")
    changes = ", ".join(f"{_escaped(column)} = %s" for column in new)
    statement: Statement = {
        "sql": f"UPDATE {full} SET {changes} WHERE {_all(where, _same)}",
        "params": [*new.values(), *where.values()],
    }
    # Where a column is both a condition and set, only its new value is there afterwards
    left = {column: value for column, value in where.items() if column not in new}
    exact = {column: value for column, value in new.items() if not column.approximate}
    conditions = [_all(left, _same), _all(exact, _exactly)]
    kept = f"FROM {full} WHERE {' AND '.join(filter(None, conditions)) or '1'}"
    return Step(
        what, table.name, statement,
        meant=(f"FROM {full} WHERE {_all(where, _same)}", list(where.values())),
        kept=(kept, [*left.values(), *exact.values()]),
    )  # fmt: skip


def _cells(values: _Values, what: str, cells: object, table: Table) -> dict[Column, str]:
    """Return column -> template. Raises ShoplaunchError `variant_invalid`."""
    found = {}
    for key, value in _table(values.variant, cells, what).items():
        try:
            found[table.column(key)] = values.template(value, f"{what} {key}")
        except KeyError:
            raise wrong(values.variant, f"{what}: {table.name} has no column {key[:80]!r}") from None
    if not found:
        raise wrong(values.variant, f"{what} names no column")
    return found


def _all(cells: Mapping[Column, str], compare: Callable[[Column], str]) -> str:
    return " AND ".join(compare(column) for column in cells)


def _escaped(column: Column) -> str:
    # The statement has parameters: every other % is doubled
    return quoted(column.name).replace("%", "%%")


def _same(column: Column) -> str:
    return f"{_escaped(column)} = %s"


def _exactly(column: Column) -> str:
    if column.kind not in TEXT:
        return _same(column)
    return f"CONVERT({_escaped(column)} USING utf8mb4) COLLATE utf8mb4_bin = %s"


def _table(variant: str, value: object, what: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise wrong(variant, f"{what} is not a table")
    return value


def _only(variant: str, found: Mapping[str, object], known: Sequence[str], what: str) -> None:
    for key in found:
        if key not in known:
            raise wrong(variant, f"unknown {what} {key[:80]!r}; known: {', '.join(known)}")


def _title(variant: str, title: object) -> str:
    text = " ".join(title.split()) if isinstance(title, str) else ""
    if not text or len(text) > MAX_TITLE_CHARS:
        raise wrong(variant, f"a title is a text of 1 to {MAX_TITLE_CHARS} characters")
    return text


def _folder(variant: str, declared: Mapping[str, object], above: Path) -> Path | None:
    """Return the folder of a variant's files, which lies next to the declaration."""
    if "files" not in declared:
        return None
    name = declared["files"]
    if not isinstance(name, str):
        raise wrong(variant, "files is not the name of a folder")
    try:
        check_path(name.rstrip("/").encode("utf-8"))
    except ShoplaunchError as problem:
        raise wrong(variant, f"files: {name[:80]!r} is no folder next to the file that declares it") from problem
    folder = (above / name).resolve()
    if not folder.is_dir() or not folder.is_relative_to(above.resolve()):
        raise wrong(variant, f"files: {name[:80]!r} is no folder next to the file that declares it")
    return folder
