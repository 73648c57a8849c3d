"""Applies the rules that every recipe has for rows: which are kept, which cells are set, what was left out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from typing import Protocol

from controller.recipes.base import Cells, Dropped, People, TemplateDatabase
from controller.recipes.customers import unknown_tables
from shared.placeholders import token

#: Returns the columns of a row to set, as templates.
Setter = Callable[[Cells], Mapping[str, bytes | None]]
FOREIGN = "of another application in the same database"


class CountedDatabase(Protocol):
    """A template's database, as far as the rules for rows need it."""

    @property
    def tables(self) -> Mapping[str, str]:
        """Return name without prefix -> full name."""

    @property
    def template(self) -> TemplateDatabase:
        """Return the database itself."""

    def count(self, full: str, where: str = "") -> int:
        """Return the number of rows of a table (full name) that satisfy `where`."""


class Rules(ABC):
    """The rules for the rows of one template's database. `foreign` are the tables of other installations in it."""

    def __init__(self, database: CountedDatabase, nonce: str, foreign: Collection[str]) -> None:
        self._counted = database
        self._nonce = nonce
        self._foreign = frozenset(foreign)
        self._short = {full: short for short, full in database.tables.items()}
        self._conditions = {full: self._condition(short) for full, short in self._short.items()}
        self._conditions |= dict.fromkeys(self._foreign)
        self._setters = self._all_setters()
        self._strangers: list[str] | None = None
        self.people: list[People] = []

    def condition(self, table: str) -> str | None:
        """Return the SQL condition of a table's rows to keep: "" for all, None for none."""
        return self._conditions.get(table, "")

    def cells(self, table: str, row: Cells) -> Mapping[str, bytes | None]:
        """Return the columns of a row that the recipe sets, as templates."""
        return self._setters.get(self._short.get(table, ""), self._other)(row)

    def dropped(self) -> list[Dropped]:
        """Return the rows left out, by table, with the reason."""
        found = []
        for full, condition in sorted(self._conditions.items()):
            if condition == "":
                continue
            kept = 0 if condition is None else self._counted.count(full, condition)
            rows = self._counted.count(full) - kept
            if rows:
                found.append(
                    Dropped(full, rows, FOREIGN if full in self._foreign else self._reason(self._short.get(full, full)))
                )
        return found

    def strangers(self, own: Collection[str]) -> list[str]:
        """Return the columns that hold e-mail addresses of others; `own` are the owner's addresses and hosts."""
        if self._strangers is None:
            others = [full for full, short in self._short.items() if short not in self._setters]
            self._strangers = unknown_tables.places(self._counted.template, others, self.condition, own)
        return self._strangers

    def of_nobody(self, judged: Mapping[str, str | None]) -> list[str]:
        """Return a sentence for each table, `judged` by its columns, of which rows stay that refer to no customer.

        An empty or zero number of a customer or order is a reference to nobody: such rows are settings or samples.
        """
        sentences = []
        for full, condition in sorted(judged.items()):
            kept = self._counted.count(full, condition) if condition and self._conditions.get(full) == condition else 0
            if kept:
                sentences.append(f"{full}: {kept} rows that refer to no customer, order or visitor")
        return sentences

    def of_modules(self) -> list[str]:
        """Return the tables (full names) whose rows no rule of the recipe covers: they may hold anything."""
        known = self._foreign | {full for short, full in self._counted.tables.items() if self._is_known(short)}
        return [full for full in self._short if full not in known]

    @abstractmethod
    def _is_known(self, short: str) -> bool:
        """Return whether the recipe itself judges the rows of a table, named without prefix."""

    @abstractmethod
    def _condition(self, short: str) -> str | None:
        """Return `condition` for one of the template's own tables, named without prefix."""

    @abstractmethod
    def _all_setters(self) -> Mapping[str, Setter]:
        """Return table (without prefix) -> function that sets cells in its rows."""

    @abstractmethod
    def _reason(self, short: str) -> str:
        """Return why rows of a table, named without prefix, are left out."""

    def _other(self, row: Cells) -> Mapping[str, bytes | None]:
        """Return the cells to set in rows of tables without a setter."""
        return {}

    def _filled(self, name: str) -> bytes:
        filled: bytes = token(self._nonce, name)
        return filled
