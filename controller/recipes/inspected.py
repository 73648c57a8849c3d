"""What inspected templates of every application have in common: rules for rows and files, statements, checks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from controller.recipes.base import Cells, Dropped, People, Template
from controller.recipes.customers.rows import Rules

if TYPE_CHECKING:
    from shared.documents import Check, FollowUp, Statement


class TreeRules(Protocol):
    """The rules for which entries of a tree are packed."""

    def left_out(self, path: bytes, is_directory: bool) -> str | None:
        """Return why an entry, and all below it, is left out; None for one that is packed."""


class Statements(Protocol):
    """The statements of new shops."""

    def configure(self) -> Sequence[Statement]:
        """Return the statements run after the data."""

    def jobs(self) -> Mapping[str, FollowUp]:
        """Return the statements and edits of follow-up jobs."""


class InspectedTemplate(Template):
    """A template whose rules are objects of their own, set by the recipe's constructor."""

    _rows: Rules
    _tree: TreeRules
    _statements: Statements
    _checks: Sequence[Check]
    _notes: list[str]

    def left_out(self, path: bytes, is_directory: bool) -> str | None:
        """Return why an entry is left out, None for one that is packed."""
        return self._tree.left_out(path, is_directory)

    def condition(self, table: str) -> str | None:
        """Return the condition of the rows to keep."""
        return self._rows.condition(table)

    def cells(self, table: str, row: Cells) -> Cells:
        """Return the cells that the recipe sets."""
        return self._rows.cells(table, row)

    def configure(self) -> Sequence[Statement]:
        """Return the statements run after the data."""
        return self._statements.configure()

    def jobs(self) -> Mapping[str, FollowUp]:
        """Return the statements and edits of follow-up jobs."""
        return self._statements.jobs()

    def checks(self) -> Sequence[Check]:
        """Return the HTTP checks which show that the shop works."""
        return self._checks

    def entry_points(self) -> Sequence[str]:
        """Return the entry points, which make the shop reachable."""
        return ("index.php", ".htaccess")

    def people(self) -> Sequence[People]:
        """Return the tables of modules and others that may hold personal data."""
        return self._rows.people

    def notes(self) -> Sequence[str]:
        """Return sentences about what differs from the configuration."""
        return self._notes

    def dropped(self) -> Sequence[Dropped]:
        """Return the rows left out."""
        return self._rows.dropped()
