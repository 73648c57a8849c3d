"""Defines what the compiler needs from a recipe about one template: the interface of bundles to applications."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, TypedDict

from controller.bundles.packing_report import PackingReport
from controller.bundles.residue.findings import Finding
from controller.bundles.source.database.snapshot import Table
from controller.bundles.source.servers.connections import Row

if TYPE_CHECKING:
    from shared.documents import Check, FollowUp, Php, Secret, Statement


class RecipeParts(TypedDict):
    """The manifest's parts that only the recipe knows."""

    secrets: Sequence[Secret]
    entry_points: Sequence[str]
    checks: Sequence[Check]
    jobs: Mapping[str, FollowUp]
    php: Php
    personal_data: Sequence[str]
    #: Whether the template can become shops below a folder.
    folders: bool
    #: What no shop may contain.
    residue: Sequence[bytes]


class Plan(Protocol):
    """One inspected template: which parts are packed, and how each changes. Templates are in raw context.

    `left_out`, `path` and `file` are called in another process, which has no database.
    """

    nonce: str
    application: Mapping[str, str]

    def left_out(self, path: bytes, is_directory: bool) -> str | None:
        """Return why an entry (and all below it) is left out, None for one that is packed."""

    def path(self, path: bytes) -> bytes:
        """Return a path or link target as a template."""

    def file(self, path: bytes, content: bytes) -> bytes:
        """Return a file's content as a template; the same object when nothing in it depends on the account."""

    def added(self) -> Mapping[bytes, bytes]:
        """Return path -> template of files that are packed although they are not in the tree."""

    def condition(self, table: str) -> str | None:
        """Return the SQL condition of the rows to pack: "" for all, None for no row at all."""

    def goes_on(self, table: str) -> bool:
        """Return whether an emptied table continues the template's counter; otherwise the counter starts anew."""

    def row(self, table: Table, row: Row) -> Row:
        """Return a row with its cells as templates; the same object when nothing changed."""

    def text(self, value: bytes, place: str) -> bytes:
        """Return any other text of a shop as a template; `place` names it in the report."""

    def table(self, name: str) -> str:
        """Return the full name of a table named without the template's prefix."""

    def setting(self, name: str, value: str) -> Sequence[tuple[str, Statement]]:
        """Return (table, statement) pairs that set a setting to a value (a template), whether it exists or not.

        Running them twice is safe; the last reads the value back. Raises ShoplaunchError `variant_invalid` for settings
        whose value every new shop gets anew, for its safety or because it is the shop's own.
        """

    def cells(self, table: Table, row: Row) -> Mapping[str, bytes | None]:
        """Return column -> template of those cells of a row that are the same in every shop, or specific to a shop."""

    def owns(self, path: bytes) -> bool:
        """Return whether a file is written anew, whatever its content."""

    def fragments(self) -> Mapping[str, bytes]:
        """Return the fragments made so far."""

    def configure(self) -> Sequence[Statement]:
        """Return the statements of `db/configure.json.gz`."""

    def manifest(self) -> RecipeParts:
        """Return the manifest's parts that only the recipe knows."""

    def probes(self) -> Mapping[str, tuple[str, str]]:
        """Return values for the two trial loads, for names whose made-up values would not show what depends on them."""

    def forbidden(self) -> Mapping[str, bytes]:
        """Return label -> bytes that must not occur in the bundle: secrets, domain, paths."""

    def needles(self) -> Mapping[str, bytes]:
        """Return label -> bytes of all that is forbidden, and of the plan's own needles."""

    def kinds(self) -> Mapping[str, str]:
        """Return label -> kind of the `needles` (controller.bundles.residue.findings); others are secrets."""

    def people(self) -> Mapping[str, Sequence[str]]:
        """Return table -> the columns that may hold personal data; each such table is one of `noticed`, too."""

    def noticed(self) -> Sequence[Finding]:
        """Return findings made while files were read: they must not stay."""

    def unsearched(self) -> Mapping[str, str]:
        """Return label -> reason of needles for which the bundle is not searched, or not everywhere."""

    def require_plausible(self) -> None:
        """Raise ShoplaunchError `needle_too_common` when a replaced needle cannot be the template's alone."""

    def report(self) -> PackingReport:
        """Return which parts were rewritten, seen but not rewritten, and dropped."""

    def branch(self) -> Plan:
        """Return a plan of the same template with nothing collected yet, for another process."""

    def seen(self) -> object:
        """Return what this plan has collected so far, in a form that can be sent to another process."""

    def absorb(self, seen: object) -> None:
        """Add what a branch has collected."""
