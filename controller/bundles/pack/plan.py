"""What the compiler asks of a recipe about one template: the seam between bundles and applications."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from controller.bundles.residue.findings import Finding
from controller.bundles.source.connections import Row
from controller.bundles.source.database import Table


class Plan(Protocol):
    """One template, understood: what of it is packed and what becomes of it. Templates are in raw context.

    `left_out`, `path` and `file` are asked in another process, which has no database.
    """

    nonce: str
    application: Mapping[str, str]

    def left_out(self, path: bytes, is_directory: bool) -> str | None:
        """Return why an entry (and all below it) stays out, None for what is packed."""

    def path(self, path: bytes) -> bytes:
        """Return a path or link target as a template."""

    def file(self, path: bytes, content: bytes) -> bytes:
        """Return a file's content as a template; the same object when nothing in it depends on the account."""

    def added(self) -> Mapping[bytes, bytes]:
        """Return path -> template of files that are packed although the tree does not have them."""

    def condition(self, table: str) -> str | None:
        """Return the SQL condition of the rows that are packed: "" for all, None for no row at all."""

    def goes_on(self, table: str) -> bool:
        """Tell whether an emptied table goes on counting where the template's ended; it starts anew otherwise."""

    def row(self, table: Table, row: Row) -> Row:
        """Return a row with its cells as templates; the same object when nothing changed."""

    def text(self, value: bytes, place: str) -> bytes:
        """Return any other text of a shop as a template; `place` is for the report."""

    def table(self, name: str) -> str:
        """Return the full name of a table named without the template's prefix."""

    def setting(self, name: str, value: str) -> Sequence[tuple[str, Mapping[str, Any]]]:
        """Return (table, statement) pairs that give a setting a value (a template), whether it is there or not.

        May be carried out twice; the last reads it back. Raises ShoplaunchError `variant_invalid` when every new shop
        has another value, for its safety or because it is its own.
        """

    def cells(self, table: Table, row: Row) -> Mapping[str, bytes | None]:
        """Return column -> template of those cells of a row that are the same in every shop, or each shop's own."""

    def owns(self, path: bytes) -> bool:
        """Tell whether a file is written anew, whatever it held."""

    def fragments(self) -> Mapping[str, bytes]:
        """Return the fragments made so far."""

    def configure(self) -> Sequence[Mapping[str, Any]]:
        """Return the statements of `db/configure.json.gz`."""

    def manifest(self) -> Mapping[str, Any]:
        """Return the manifest's parts that only the recipe knows.

        secrets, entry_points, checks, jobs, php, personal_data, folders (whether shops below a folder can be made of
        it), residue (bytes).
        """

    def probes(self) -> Mapping[str, tuple[str, str]]:
        """Return values for the two trial loads where made-up ones would not show what depends on them."""

    def forbidden(self) -> Mapping[str, bytes]:
        """Return label -> bytes that must not occur in the bundle: secrets, domain, paths."""

    def needles(self) -> Mapping[str, bytes]:
        """Return label -> bytes of all that is forbidden, and of what the plan itself looks for."""

    def kinds(self) -> Mapping[str, str]:
        """Return label -> kind of what `needles` holds (controller.bundles.residue.findings); any other is a secret."""

    def people(self) -> Mapping[str, Sequence[str]]:
        """Return table -> the columns for which it may be of people: each is one of `noticed`, too."""

    def noticed(self) -> Sequence[Finding]:
        """Return what must not stay and was found while files were read."""

    def unsearched(self) -> Mapping[str, str]:
        """Return label -> reason of what is not searched for in the bundle, or not everywhere."""

    def require_plausible(self) -> None:
        """Raise ShoplaunchError `needle_too_common` when what was replaced cannot be the template's alone."""

    def report(self) -> Mapping[str, Any]:
        """Return what was rewritten, seen but not rewritten, and dropped."""

    def branch(self) -> Plan:
        """Return a plan of the same template that has not seen anything yet, for another process."""

    def seen(self) -> object:
        """Return what this plan has collected so far, fit to be sent to another process."""

    def absorb(self, seen: object) -> None:
        """Add what a branch has collected."""
