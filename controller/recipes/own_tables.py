"""The tables of one application in a template's database, found by the prefix of their names."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from controller.recipes.base import TemplateDatabase
from controller.recipes.table_prefix import found, require_tables


@dataclass(frozen=True)
class Administrator:
    """The user whose row becomes the new shop's administrator."""

    number: int
    email: str


class OwnTables:
    """Queries the tables with `prefix`, except `foreign` ones. Raises ShoplaunchError `prefix_mismatch`."""

    #: The tables, named without prefix, that every installation of the application has.
    NEEDED: ClassVar[Sequence[str]]

    def __init__(self, database: TemplateDatabase, prefix: str, foreign: Collection[str] = ()) -> None:
        self.template = database
        self.prefix = prefix
        own = (name for name in database.tables if name.startswith(prefix) and name not in foreign)
        #: Name without prefix -> name.
        self.tables = {name[len(prefix) :]: name for name in own}
        require_tables(database.tables, prefix, self.NEEDED)

    @classmethod
    def prefix_of(cls, database: TemplateDatabase, configured: str | None, said: str | None = None) -> str:
        """Return the prefix of the application's tables: see `table_prefix.found`."""
        return found(database.tables, cls.NEEDED, configured, said)

    @property
    def names(self) -> Mapping[str, str]:
        """Name without prefix -> name as it is written in SQL."""
        return {name: f"`{full}`" for name, full in self.tables.items()}

    def columns(self, table: str) -> frozenset[str]:
        """Return the columns of a table named without prefix."""
        return frozenset(column.name for column in self.template.tables[self.tables[table]].columns)

    def own_tables(self) -> Mapping[str, Any]:
        """Return table (full name) -> its columns and key."""
        return {full: self.template.tables[full] for full in self.tables.values()}

    def rows(self, sql: str) -> list[tuple[str, ...]]:
        """Return a query's rows as text, NULL as "". `{name}` stands for the full name of the table `name`."""
        found = self.template.query(sql.format_map(self.names))
        return [tuple("" if cell is None else cell.decode("utf-8", "replace") for cell in row) for row in found]

    def count(self, full: str, where: str = "") -> int:
        """Return the number of rows of a table (full name) that satisfy `where`."""
        condition = f" WHERE {where}" if where else ""
        return int(self.template.query(f"SELECT COUNT(*) FROM `{full}`{condition}")[0][0] or 0)
