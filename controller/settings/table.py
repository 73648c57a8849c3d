"""All settings as rows, read from the sections: what variables, the file, `config show` and the pages may name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import MISSING, Field, dataclass, fields
from functools import cache
from typing import Any, get_args, get_origin, get_type_hints

from controller.settings.sections import (
    BundleStoreConfig,
    Config,
    EngineConfig,
    LocalSection,
    MailConfig,
    RetentionConfig,
    WhmcsSection,
)

#: Section -> its settings.
SECTIONS: dict[str, type] = {
    "mail": MailConfig, "engine": EngineConfig, "retention": RetentionConfig,
    "bundle_store": BundleStoreConfig, "local": LocalSection, "whmcs": WhmcsSection,
}  # fmt: skip
#: The one whose subsections are sections of the same kind: [whmcs.KEY].
REPEATED = "whmcs"
PREFIX = "SHOPLAUNCH_"
#: Between section and name in a variable.
BETWEEN = "__"
#: Variables of the first versions -> setting.
ALIASES = {"engine": "engine.kind", "broker_url": "engine.broker_url", "broker_url_file": "engine.broker_url_file"}
_WORDS = {str: "text", int: "number", bool: "true or false"}


@dataclass(frozen=True)
class Row:
    """One setting; `name` is SECTION.NAME, or NAME alone at the top. `default` is MISSING where one is needed."""

    name: str
    kind: type
    default: Any
    description: str
    is_secret: bool

    @property
    def variable(self) -> str:
        """The variable that sets it."""
        return PREFIX + self.name.replace(".", BETWEEN).upper()

    @property
    def is_list(self) -> bool:
        """Return whether it is a list, which a variable gives in JSON."""
        return self.kind is list

    @property
    def is_needed(self) -> bool:
        """Return whether its section cannot do without it."""
        return self.default is MISSING

    @property
    def words(self) -> str:
        """The kind of its value, in words."""
        return "list" if self.is_list else _WORDS[self.kind]


@cache
def rows() -> dict[str, Row]:
    """Return name -> row of every setting, those at the top first."""
    found = {row.name: row for row in _of(Config, "") if row.name not in SECTIONS and row.name != "home"}
    for section, kind in SECTIONS.items():
        found.update({row.name: row for row in _of(kind, section + ".")})
    return found


def row_of(name: str) -> Row | None:
    """Return the row of a setting, also of one in a subsection such as whmcs.KEY.url; None for what is no setting."""
    section, *rest = name.split(".")
    if section == REPEATED and len(rest) == 2 and rest[0] and f"{section}.{rest[0]}" not in rows():
        return rows().get(f"{section}.{rest[1]}")
    return rows().get(name)


def _of(kind: type, prefix: str) -> Iterator[Row]:
    hints = get_type_hints(kind)
    for one in fields(kind):
        known = one.metadata
        row = Row(
            prefix + one.name, _plain(hints[one.name]), _default(one), known.get("description", ""),
            bool(known.get("secret")),
        )  # fmt: skip
        yield row


def _default(one: Field[object]) -> object:
    return one.default if one.default_factory is MISSING else one.default_factory()


def _plain(hint: object) -> type:
    """Return str, int, bool or list for a field's type."""
    kinds = [hint, *get_args(hint)]
    for kind in (bool, int, str):
        if kind in kinds and get_origin(hint) is not tuple:
            return kind
    return list
