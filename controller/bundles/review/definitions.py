"""Notices secrets of known forms in database definitions: defaults, comments, views, triggers and routines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from controller.bundles.residue.findings import DEFINITION, SECRET, Finding, Place, masked
from controller.bundles.review.known_forms import PREFIX
from controller.bundles.source.database.schema import Definition
from controller.bundles.source.database.snapshot import Routine
from controller.recipes.secrets import forms

#: A shorter text may stand in a secret by chance.
_SHORTEST = 12
#: A server writes a definition with one line per column.
_COLUMN = re.compile(rb"[ \t]*`((?:[^`]|``)+)` ")


def in_definitions(
    tables: Mapping[str, Definition], routines: Sequence[Routine], known: Iterable[bytes] = ()
) -> list[Finding]:
    """Return the findings in the definitions, to be corrected in the template; `known` are searched for elsewhere.

    Decisions cannot edit them: a default or comment is a part of the definition's statement.
    """
    found: dict[Finding, None] = {}
    secrets = [value for value in known if len(value) >= _SHORTEST]
    for name, text in _texts(tables, routines):
        for one in forms.met(text) if forms.may_hold(text) else ():
            if any(value in one.value for value in secrets):
                continue
            line = text[text.rfind(b"\n", 0, one.start) + 1 : one.end]
            column = _COLUMN.match(line) if name.startswith("the table ") else None
            where = f", column {_plain(column.group(1))}" if column else ""
            place = Place(part=f"{DEFINITION}{name}{where}")
            found[Finding(f"{PREFIX}{one.label}", place, SECRET, masked(one.value))] = None
    return list(found)


def _texts(tables: Mapping[str, Definition], routines: Sequence[Routine]) -> Iterator[tuple[str, bytes]]:
    """Yield (name for people, text) of each definition."""
    for table, one in tables.items():
        keys = [text for pair in one.foreign_keys for text in pair]
        yield f"the table {table}", "\n".join([one.create, *one.late, *one.late_index, *keys]).encode("utf-8")
    for routine in routines:
        yield f"the {routine.kind} {routine.name}", routine.create.encode("utf-8")


def _plain(name: bytes) -> str:
    return name.replace(b"``", b"`").decode("utf-8", "replace")
