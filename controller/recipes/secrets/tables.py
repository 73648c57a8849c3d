"""Finds secrets in tables of modules and plug-ins: in columns with such a name, and in rows of name and value."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from controller.recipes.base import TemplateDatabase
from controller.recipes.secrets.names import is_about, is_called, is_password
from controller.recipes.secrets.parts import Held, secrets_in

#: Up to so many values a column may hold a module's settings; more are data.
MOST = 50
MANY = f"more than {MOST} values: only the first of them are looked for"
_TEXTS = frozenset({"char", "varchar", "tinytext", "text", "mediumtext", "longtext", "json"})
#: A longer value is no setting.
_LONGEST = 64 * 1024
_NAMES = ("name", "key", "meta_key", "option", "option_name", "setting", "setting_key", "setting_name", "config_key",
          "config_name", "param", "field")  # fmt: skip
_VALUES = ("value", "val", "meta_value", "option_value", "setting_value", "config_value", "config", "data")
#: Parts that names of secrets contain, so that the server skips all other names.
_MAY_BE_CALLED = (
    "pass|pwd|pw|contrasena|secret|token|key|licen|salt|hook|credential|client|merchant|proof|purchase|bearer|signature"
    "|serial|authorization|hmac|clave|klucz|haslo|heslo|senha|kennwort|wachtwoord|parola"
)


def secrets_of(
    database: TemplateDatabase, tables: Iterable[str], condition_of: Callable[[str], str | None]
) -> Iterator[tuple[str, list[Held]]]:
    """Yield (place, secrets) of the packed rows of `tables` (full names); no secrets where there are too many."""
    for name in sorted(tables):
        condition, table = condition_of(name), database.tables[name]
        if condition is None:
            continue
        texts = {column.name: column.name.lower() for column in table.columns if getattr(column, "kind", "") in _TEXTS}
        for column in texts:
            if _is_called(column):
                yield from _of_column(database, name, column, condition)
        for key, value in _pairs(table, texts):
            yield from _of_pairs(database, name, (key, value), condition)


def _is_called(name: str) -> bool:
    # Rows have their own numbers with such names
    return (is_called(name) or is_password(name)) and not is_about(name) and "uuid" not in name.lower()


def _pairs(table: Any, texts: dict[str, str]) -> Iterator[tuple[str, str]]:
    keys = [column for column, low in texts.items() if low in _NAMES]
    values = [column for column, low in texts.items() if low in _VALUES]
    if keys and values:
        yield keys[0], values[0]


def _of_column(database: TemplateDatabase, table: str, column: str, condition: str) -> Iterator[tuple[str, list[Held]]]:
    where = _where(condition, f"`{column}` <> '' AND LENGTH(`{column}`) <= {_LONGEST}")
    rows = database.query(f"SELECT DISTINCT `{column}` FROM `{table}` WHERE {where} ORDER BY 1 LIMIT {MOST + 1}")
    place = f"{table}.{column}"
    held = [one for (value,) in rows[:MOST] for one in secrets_in(column, value or b"")]
    if held:
        yield place, [Held("" if one.name == column else one.name, one.value, one.proven) for one in held]
        if len(rows) > MOST:
            yield place, []


def _of_pairs(
    database: TemplateDatabase, table: str, columns: tuple[str, str], condition: str
) -> Iterator[tuple[str, list[Held]]]:
    key, value = columns
    called = f"LOWER(`{key}`) REGEXP '{_MAY_BE_CALLED}' AND `{value}` <> '' AND LENGTH(`{value}`) <= {_LONGEST}"
    rows = database.query(f"SELECT DISTINCT `{key}`, `{value}` FROM `{table}` WHERE {_where(condition, called)}")
    found: dict[str, list[Held]] = {}
    for name, text in sorted(rows, key=lambda row: (row[0] or b"", row[1] or b"")):
        shown = (name or b"").decode("utf-8", "replace")
        if _is_called(shown):
            found.setdefault(shown, []).extend(secrets_in(shown, text or b""))
    for shown, held in found.items():
        if held:
            yield f"{table} {shown}", held[:MOST]
            if len(held) > MOST:
                yield f"{table} {shown}", []


def _where(condition: str, more: str) -> str:
    return f"({condition}) AND {more}" if condition else more
