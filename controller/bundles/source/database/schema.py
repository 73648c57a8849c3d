"""Converts a table's definition to the bundle's form: InnoDB, late indexes and foreign keys apart."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from controller.bundles.source.database.snapshot import Table
from controller.bundles.source.servers.connections import Connection, Refused, name, text
from shared.errors import ShoplaunchError

#: Tables with more rows get their secondary keys after the data.
LATE_INDEX_ROWS = 10_000

_ENGINE = re.compile(r"^(\).*?\bENGINE=)(\w+)", re.MULTILINE)
_OPTION_LINE = re.compile(r"^\).*", re.MULTILINE | re.DOTALL)
#: Table options of other engines, or with a meaning only on the template's own disk.
_FOREIGN_OPTIONS = re.compile(
    r" (?:ROW_FORMAT|PAGE_CHECKSUM|TRANSACTIONAL|DELAY_KEY_WRITE|CHECKSUM|INSERT_METHOD|PACK_KEYS|KEY_BLOCK_SIZE"
    r"|AVG_ROW_LENGTH|MIN_ROWS|MAX_ROWS)=\w+"
    r"| UNION=\([^)]*\)"
)
#: Never carried over: a table's files lie where the account's server keeps them.
_DIRECTORIES = re.compile(r" `?(?:DATA|INDEX) DIRECTORY`? ?= ?'[^']*'")
_AUTO_INCREMENT = re.compile(r" AUTO_INCREMENT=\d+")
_FOREIGN_KEY = re.compile(r"CONSTRAINT `((?:[^`]|``)+)` FOREIGN KEY ")
_KEY = re.compile(r"(FULLTEXT |UNIQUE |SPATIAL |PRIMARY |VECTOR )?KEY (?:`((?:[^`]|``)+)` )?\((.*)\)")
#: A CHECK that MySQL named by a number. Its names are unique per database, and other servers' checks count too.
_COUNTED_CHECK = re.compile(r"\ACONSTRAINT `(?:[^`]|``)+_chk_[0-9]+` (?=CHECK )")
_REFERENCES = re.compile(r" REFERENCES `((?:[^`]|``)+)`")
_NO_KEY_FOR_COUNTER = 1075


@dataclass
class Definition:
    """How a bundle makes a table; see `db/tables.json.gz`."""

    table: str
    create: str
    late: list[str] = field(default_factory=list)
    late_index: list[str] = field(default_factory=list)
    foreign_keys: list[tuple[str, str]] = field(default_factory=list)
    references: set[str] = field(default_factory=set)
    converted_from: str | None = None

    def as_json(self) -> dict[str, object]:
        """Return the table's entry of `db/tables.json.gz`."""
        return {
            "name": self.table,
            "create": self.create,
            "late": self.late,
            "late_index": self.late_index,
            "foreign_keys": [list(pair) for pair in self.foreign_keys],
        }


def as_innodb(create: str, keep_counter: bool) -> tuple[str, str | None]:
    """Return (CREATE text with engine InnoDB, the engine it had or None).

    Without `keep_counter` the automatic numbers start anew.
    """
    found = _ENGINE.search(create)
    engine = found.group(2) if found else "InnoDB"
    converted = engine.lower() != "innodb"

    def options(line: re.Match[str]) -> str:
        head, comment, tail = line.group().partition(" COMMENT=")
        head = _DIRECTORIES.sub("", head)
        if not keep_counter:
            head = _AUTO_INCREMENT.sub("", head)
        if converted:
            head = _FOREIGN_OPTIONS.sub("", head)
            head = re.sub(r"\bENGINE=\w+", "ENGINE=InnoDB", head, count=1) + " ROW_FORMAT=DYNAMIC"
        return head + comment + tail

    last_line = create.rfind("\n)")
    body, tail = create[: last_line + 1], create[last_line + 1 :]
    return body + _OPTION_LINE.sub(options, tail, count=1), engine if converted else None


def try_definition(connection: Connection, table: Table, create: str) -> str:
    """Make the table in the scratch database; return the definition that the server reports.

    A counter that is not a key's first column (MyISAM allows that) gets a key. Raises ShoplaunchError `dump_failed`.
    """
    try:
        try:
            connection.query(create)
        except Refused as problem:
            if problem.number != _NO_KEY_FOR_COUNTER:
                raise
            connection.query(_with_counter_key(create))
    except Refused as problem:
        message = f"the table {table.name} cannot be made as InnoDB: {problem.message}"
        raise ShoplaunchError("dump_failed", message) from problem
    return text(connection.one(f"SHOW CREATE TABLE {name(table.name)}")[1])


def take_apart(create: str, table: str, rows: int) -> Definition:
    """Return the Definition of a CREATE text: foreign keys apart, and with many rows the keys that can wait, too."""
    head, *lines = create.split("\n")
    end = next(number for number, line in enumerate(lines) if line.startswith(")"))
    parts = [line.strip().rstrip(",") for line in lines[:end]]
    tail = lines[end:]
    definition = Definition(table, create)
    foreign = [part for part in parts if _FOREIGN_KEY.match(part)]
    kept = [_COUNTED_CHECK.sub("", part, count=1) for part in parts if part not in foreign]
    for part in foreign:
        found = _FOREIGN_KEY.match(part)
        assert found is not None
        definition.foreign_keys.append((_plain(found.group(1)), f"ALTER TABLE {name(table)} ADD {part}"))
        referred = _REFERENCES.search(part)
        if referred:
            definition.references.add(_plain(referred.group(1)))
    if rows > LATE_INDEX_ROWS and not foreign:
        kept = _split_late(kept, definition)
    definition.create = "\n".join([head, ",\n".join("  " + part for part in kept), *tail])
    return definition


def keep_referenced(definitions: dict[str, Definition], creates: dict[str, str]) -> None:
    """Move the keys that a foreign key refers to back to the tables' early definitions: it needs them."""
    referred = {table for definition in definitions.values() for table in definition.references}
    for table in referred & set(definitions):
        definitions[table] = take_apart(creates[table], table, 0)


def mapped(create: str, collation: str, fallback: str) -> str:
    """Return a CREATE or ALTER text with one collation, as a whole word, replaced."""
    return re.sub(rf"\b{re.escape(collation)}\b", fallback, create)


def _split_late(parts: list[str], definition: Definition) -> list[str]:
    counter = next((part.split("`")[1] for part in parts if part.startswith("`") and " AUTO_INCREMENT" in part), None)
    keys = [(part, found) for part in parts if (found := _KEY.match(part))]
    first = [found.group(3) for part, found in keys if found.group(1) in ("PRIMARY ", "UNIQUE ")]
    counted = counter is None or any(columns.startswith(f"`{counter}`") for columns in first)
    late: list[str] = []
    for part, found in keys:
        if found.group(1) == "FULLTEXT ":
            # The server makes only one of these at a time
            definition.late.append(f"ALTER TABLE {name(definition.table)} ADD {part}")
            definition.late_index.append(_plain(found.group(2)))
        elif found.group(1) is None and not (not counted and found.group(3).startswith(f"`{counter}`")):
            late.append(part)
        else:
            continue
        parts = [other for other in parts if other != part]
    if late:
        adds = ", ".join(f"ADD {part}" for part in late)
        definition.late.insert(0, f"ALTER TABLE {name(definition.table)} {adds}")
        found = _KEY.match(late[0])
        assert found is not None
        definition.late_index.insert(0, _plain(found.group(2)))
    return parts


def _with_counter_key(create: str) -> str:
    counter = re.search(r"^\s*(`(?:[^`]|``)+`) .* AUTO_INCREMENT\b", create, re.MULTILINE)
    last_line = create.rfind("\n)")
    if counter is None or last_line < 0:
        return create
    return f"{create[:last_line]},\n  KEY {name('shoplaunch_counter')} ({counter.group(1)}){create[last_line:]}"


def _plain(quoted: str) -> str:
    return quoted.replace("``", "`")
