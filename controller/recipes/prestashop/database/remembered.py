"""Finds references to rows of emptied tables in a PrestaShop: numbers of customers, carts, orders and guests."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from controller.recipes.prestashop.database.queries import Database

#: Table -> names by which settings and columns refer to its rows.
_CALLED = {
    "customer": "customer|client|buyer",
    "guest": "guest|visitor",
    "cart": "cart|basket",
    "orders": "order",
    "customer_thread": "customer_?thread",
    "order_invoice": "(?:order_?)?invoice",
}
#: PrestaShop's own settings refer to none; those with such a name are about order states, groups and the like.
_NO_NUMBER = re.compile(
    r"^PS_(?!CHECKOUT|ACCOUNTS|MBO)|STATE|STATUS|GROUP|_MIN|_MAX|SHOW|DISPLAY|ENABLE", re.IGNORECASE
)
_NUMBER = re.compile(r"[1-9][0-9]{0,9}")


def remembered(
    database: Database, values: Mapping[str, str], condition_of: Callable[[str], str | None]
) -> dict[str, list[str]]:
    """Return table (without prefix) -> the packed settings and columns that may refer to one of its rows.

    `values` are the settings, `condition_of` returns by a table's full name which of its rows are kept.
    """
    found: dict[str, list[str]] = {}
    for table, called in _CALLED.items():
        if table in database.tables:
            places = [*_settings(values, called), *_columns(database, called, condition_of)]
            if places:
                found[table] = places
    return found


def _settings(values: Mapping[str, str], called: str) -> Iterable[str]:
    name_says = re.compile(rf"(?:^|_)(?:(?:{called})(?:_?id)?$|id_?(?:{called})(?:_|$))", re.IGNORECASE)
    value_says = re.compile(rf"\bid_?(?:{called})\b\W{{1,6}}(?:[is]:(?:\d+:\W{{1,3}})?)?[1-9]", re.IGNORECASE)
    for name, value in sorted(values.items()):
        is_named = name_says.search(name) and not _NO_NUMBER.search(name) and _NUMBER.fullmatch(value.strip())
        # A switch with the value 1 is no row number
        if (is_named and value.strip() != "1") or (is_named and "ID" in name.upper()) or value_says.search(value):
            yield name


def _columns(database: Database, called: str, condition_of: Callable[[str], str | None]) -> Iterable[str]:
    says = re.compile(rf"(?:\w*_)?(?:id_(?:{called})|(?:{called})_id|id_last_(?:{called}))", re.IGNORECASE)
    for short, full in sorted(database.tables.items()):
        condition = condition_of(full)
        # The administrator's own read marks are reset with the row
        if condition is None or short == "employee":
            continue
        for column in sorted(database.columns(short)):
            if says.fullmatch(column) and database.count(full, _with_number(column, condition)):
                yield f"{full}.{column}"


def _with_number(column: str, condition: str) -> str:
    number = f"COALESCE(`{column}`, '') NOT IN ('', '0')"
    return f"({condition}) AND {number}" if condition else number
