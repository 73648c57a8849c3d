"""Locates in the template what the final search found in the bundle."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from controller.bundles.pack import literals
from controller.bundles.pack.plan import Plan
from controller.bundles.residue.findings import (
    CREDENTIAL,
    NUMBER,
    SECRET,
    SUSPECTED,
    Finding,
    Place,
    in_context,
    kind_of,
    masked,
)
from controller.bundles.residue.search import Hit, Searcher
from controller.bundles.source.database.snapshot import BINARY, NUMBERS, PLAIN_KEYS, Column, Source, Table
from controller.bundles.source.servers.connections import Row
from controller.bundles.source.tree.walk import Entry, Tree
from controller.recipes.secrets import forms
from shared.bundle import SHARDS

_BINARY_HEAD = 8192
#: Columns that name their row for people.
_NAMES = ("name", "option_name", "meta_key", "title", "post_title", "code", "iso_code", "email")
_LONGEST_NAME = 60
_A_NUMBER = re.compile(r"-?[0-9]{1,70}(?:\.[0-9]{1,70})?")
_A_TIME = re.compile(r"-?[0-9][0-9 :.-]{0,40}")
_WORDS = {
    "tables": "the definition of a table",
    "routines": "a view, trigger, procedure or function",
    "configure": "the statements after the data",
    "variants": "the statements of variants",
    "variant_files": "a file of a variant",
    "fragments": "a value put together from others",
    "cells": "a cell that is read back",
}


@dataclass(frozen=True)
class Template:
    """A template that can be read again: its tree, its database, and the plan for both."""

    tree: Tree
    source: Source
    plan: Plan


class Locator:
    """Turns hits into findings. `needles` and their `kinds` are the plan's forbidden texts."""

    def __init__(self, template: Template, needles: Mapping[str, bytes], kinds: Mapping[str, str]) -> None:
        self._template = template
        self._needles = needles
        self._kinds = kinds
        self._hidden = Searcher({
            label: value for label, value in needles.items() if kind_of(label, kinds) in (SECRET, SUSPECTED)
        })  # fmt: skip
        self._secrets = [needles[label] for label in needles if kind_of(label, kinds) in (SECRET, SUSPECTED)]

    def findings(self, hits: Iterable[Hit], fragment_hits: Mapping[str, Iterable[Hit]]) -> list[Finding]:
        """Return the findings of `hits` for the operator, in the order of the template.

        `fragment_hits` maps a fragment to the places that use it: its content stands there.
        """
        found: dict[tuple[str, Place], Finding] = {}
        direct = list(hits)
        for finding in self._located(direct, Searcher(self._needles)):
            found.setdefault((finding.what, finding.place), finding)
        for hit in direct:
            if hit.kind != "fragments":
                continue
            used = Searcher({hit.label: f"fragment.{hit.name}:".encode()})
            uses = (replace(one, label=hit.label) for one in fragment_hits.get(hit.name, ()))
            for finding in self._located(uses, used):
                found.setdefault((finding.what, finding.place), finding)
        everywhere = {what for what, place in found if not place.part}
        # Cells and fragments only repeat the content of rows and files
        kept = [
            one for (what, place), one in found.items()
            if not (place.part in (_WORDS["cells"], _WORDS["fragments"]) and what in everywhere)
        ]  # fmt: skip
        return sorted(kept, key=lambda one: (one.place, one.what))

    def _located(self, hits: Iterable[Hit], searcher: Searcher) -> Iterator[Finding]:
        files: dict[str, list[Hit]] = defaultdict(list)
        tables: dict[str, list[Hit]] = defaultdict(list)
        for hit in hits:
            if hit.kind in SHARDS and hit.kind != "variant_files":
                files[hit.name].append(hit)
            elif hit.kind == "data" and hit.table:
                tables[hit.table].append(hit)
            else:
                yield self._elsewhere(hit)
        located: set[tuple[str, str]] = set()
        for finding in self._in_files(files, searcher):
            located.add((finding.place.file, finding.what))
            yield finding
        for table in sorted(tables):
            for finding in self._in_rows(self._template.source.tables[table], searcher):
                located.add((table, finding.what))
                yield finding
        # Text that is nowhere in the template was written by the recipe: it is in the bundle all the same
        names = {self._packed_name(file): file for file, _ in located}
        for name, its in [*files.items(), *tables.items()]:
            yield from (self._elsewhere(hit) for hit in its if (names.get(name, name), hit.label) not in located)

    def _elsewhere(self, hit: Hit) -> Finding:
        part = _WORDS.get(hit.kind, hit.place)
        if hit.kind == "variant_files":
            part = f"{part}: {hit.name}"
        value = self._needles.get(hit.label, b"")
        return Finding(
            hit.label, Place(part=part), kind_of(hit.label, self._kinds), self._shown(hit.label, value, 0, None)
        )

    def _packed_name(self, file: str) -> str:
        return self._template.plan.branch().path(file.encode("utf-8", "replace")).decode("utf-8", "replace")

    def _in_files(self, files: Mapping[str, list[Hit]], searcher: Searcher) -> Iterator[Finding]:
        if not files:
            return
        tree, plan = self._template.tree, self._template.plan.branch()
        for entry in tree.entries(plan.left_out):
            packed = plan.path(entry.path)
            path = packed.decode("utf-8", "replace")
            if path not in files:
                continue
            named = b"%b %b" % (packed, plan.path(entry.target) if entry.target else b"")
            for label, start, end in searcher.spots(named, True):
                yield self._finding(label, Place(file=_text(entry.path), is_name=True), named, start, end)
            if entry.kind == "file":
                labels = {hit.label for hit in files[path]}
                yield from self._in_content(entry, tree.read(entry), plan, searcher, labels)

    def _in_content(
        self, entry: Entry, content: bytes, plan: Plan, searcher: Searcher, labels: set[str]
    ) -> Iterator[Finding]:
        template = plan.file(entry.path, content)
        thorough = plan.nonce.encode() in template
        if not searcher.found_in(template, thorough):
            return
        # The recipe's own text is nowhere in the template
        # Other spots in the original content were replaced
        spots = [spot for spot in searcher.spots(content, thorough) if spot[0] in labels]
        found = content if spots else template
        is_binary = b"\0" in found[:_BINARY_HEAD]
        for label, start, end in spots or searcher.spots(found, thorough):
            line = 0 if is_binary else found.count(b"\n", 0, start) + 1
            yield self._finding(label, Place(file=_text(entry.path), line=line), found, start, end)

    def _in_rows(self, table: Table, searcher: Searcher) -> Iterator[Finding]:
        plan = self._template.plan.branch()
        where = plan.condition(table.name)
        if where is None:
            return
        writers = [literals.writer_of(column) for column in table.stored]
        for number, row in enumerate(self._template.source.rows(table, where), 1):
            packed = plan.row(table, row)
            written = [None if cell is None else write(cell) for write, cell in zip(writers, packed, strict=True)]
            if not searcher.found_in(b",".join(cell for cell in written if cell is not None), True):
                continue
            for column, cell in zip(table.stored, written, strict=True):
                if cell is None:
                    continue
                for label, start, end in searcher.spots(cell, True):
                    place = Place(table.name, column.name, self._key(table, row, number))
                    yield self._finding(label, place, cell, start, end, self._name(table, row))

    def _key(self, table: Table, row: Row, number: int) -> tuple[tuple[str, str], ...]:
        return key_without(table, row, number, self._is_secret)

    def _name(self, table: Table, row: Row) -> str:
        shown = name_of(table, row)
        return "" if self._is_secret(shown.encode()) else shown

    def _is_secret(self, shown: bytes) -> bool:
        return bool(self._hidden.found_in(shown, True)) or bool(forms.met(shown))

    def _finding(self, label: str, place: Place, data: bytes, start: int, end: int, about: str = "") -> Finding:
        value = self._needles.get(label, b"")
        shown = self._shown(label, value, start, (data, end))
        return Finding(label, place, kind_of(label, self._kinds), shown, about)

    def _shown(self, label: str, value: bytes, start: int, around: tuple[bytes, int] | None) -> str:
        if kind_of(label, self._kinds) in (SECRET, SUSPECTED, CREDENTIAL):
            return masked(value)
        if around is None:
            return value.decode("utf-8", "replace")
        return in_context(around[0], start, around[1], self._secrets)


def key_of(table: Table, row: Row, number: int) -> tuple[tuple[str, str], ...]:
    """Return the (column, value) pairs that name a row, the `number`th of its table."""
    if not table.key:
        return ((NUMBER, str(number)),)
    values = dict(zip((column.name for column in table.stored), row, strict=True))
    return tuple((column.name, key_text(column, values[column.name] or b"")) for column in table.key_columns())


def key_without(table: Table, row: Row, number: int, is_secret: Callable[[bytes], bool]) -> tuple[tuple[str, str], ...]:
    """Return the pairs that name a row; its number instead where they would show a secret."""
    key = key_of(table, row, number)
    shown = any(is_secret(value.encode()) or is_secret(_unhexed(value)) for _, value in key)
    return ((NUMBER, str(number)),) if shown else key


def _unhexed(value: str) -> bytes:
    try:
        return bytes.fromhex(value.removeprefix("0x"))
    except ValueError:
        return b""


def key_text(column: Column, value: bytes) -> str:
    """Return a key's part as people write it; bytes that are not text in hexadecimal."""
    if column.kind in BINARY:
        return "0x" + value.hex()
    return value.decode("utf-8", "backslashreplace")


def key_bytes(column: Column, text: str) -> bytes:
    """Return the part of a key as `digests.Key` has it. Raises ValueError for a text that is not of that column."""
    if column.kind in PLAIN_KEYS:
        form = _A_NUMBER if column.kind in NUMBERS else _A_TIME
        if not form.fullmatch(text):
            raise ValueError(text)
        return text.encode("ascii")
    if column.kind in BINARY:
        return bytes.fromhex(text.removeprefix("0x")).hex().upper().encode("ascii")
    return text.encode("utf-8").hex().upper().encode("ascii")


def name_of(table: Table, row: Row) -> str:
    """Return a row's name for people, "" when it has none."""
    names = [column.name for column in table.stored]
    for column in _NAMES:
        if column in names and (value := row[names.index(column)]):
            return value.decode("utf-8", "replace")[:_LONGEST_NAME]
    return ""


def _text(path: bytes) -> str:
    return path.decode("utf-8", "backslashreplace")
