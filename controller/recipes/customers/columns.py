"""Determines by a table's columns which rows belong to customers or visitors."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

#: Columns (lower case, without underscores) that name the customer, cart, order or visitor of a row.
OWNERS = frozenset(
    f"{before}{owner}{after}"
    for owner in ("customer", "cart", "order", "guest", "orderdetail", "orderinvoice", "customerthread")
    for before, after in (("id", ""), ("", "id"))
) | {"idorderslip", "idorderreturn", "idorderpayment", "idordercarrier", "idcustomermessage", "idconnections"}
_EMAIL = re.compile(
    r"(?:customer|user|guest|client|visitor|contact|from|sender|subscriber|payer|author)?e?mail(?:address)?"
)
_IP = re.compile(r"(?:(?:customer|user|guest|client|visitor|remote|author|subscriber)?ip(?:address|addr)?|remoteaddr)")
#: The other columns of a table of visits: besides the visitor's IP address, the time and the page.
_TIME = re.compile(r"(?:date|time|timestamp|datetime|created|visited|last)(?:add|upd|at|on|visit|seen|activity)?")
_OF_VISIT = re.compile(
    r"id|id(?:shop|shopgroup|lang|page|hit|visit|session)|(?:visited)?(?:page|path|url|uri|requesturi)|(?:http)?refer+er"
    r"|(?:user|browser)?agent|browser|os|device|country|city|hits?|views?|count|session(?:id)?"
)
#: Tables that count failed logins: a new shop starts without them.
_ATTEMPTS = re.compile(r"(?:login|sign_?in|auth)\w*(?:attempt|fail)|failed_?login|lockouts?$", re.IGNORECASE)
#: Allow and deny lists of an owner.
_LIST_OF_PLACES = re.compile(r"ban|black|block|deny|denied|white|allow|trust|except", re.IGNORECASE)
#: Keys with these names do not identify their table.
_NAMELESS_KEYS = frozenset({"id", "id_shop", "id_lang"})


def rows_to_keep(tables: Mapping[str, Any], skip: Collection[str]) -> dict[str, str | None]:
    """Return table -> condition of the rows that belong to no customer, for tables that have rows of customers.

    `tables` maps names to tables with `columns` and `key`; those in `skip` are already judged. None stands for a table
    whose rows are all visitors'. Tables that refer to such rows by the name of their key are included.
    """
    judged = {name: _own_condition(name, table) for name, table in tables.items() if name not in skip}
    found = {name: condition for name, condition in judged.items() if condition != ""}
    grown = True
    while grown:
        grown = False
        keys = _unique_keys(tables, found, skip)
        for name, table in tables.items():
            if name in skip or name in found:
                continue
            parent = next((keys[one] for one in _names(table) if one in keys), None)
            if parent is not None:
                found[name] = _of_parent(parent, found[parent], _key(tables[parent]))
                grown = True
    return found


def is_owner(column: str) -> bool:
    """Return whether a column names the owner of a row."""
    return _plain(column) in OWNERS


def _own_condition(table_name: str, table: object) -> str | None:
    names = _names(table)
    owners = [name for name in names if is_owner(name)]
    emails = [name for name in names if _EMAIL.fullmatch(_plain(name))]
    if owners:
        # Guests leave an e-mail address where customers have a number
        return " AND ".join(_is_empty(name) for name in [*owners, *emails])
    seen_from = any(_IP.fullmatch(_plain(name)) for name in names)
    is_visits = bool(_ATTEMPTS.search(table_name)) or (_is_visits(names) and not _LIST_OF_PLACES.search(table_name))
    return None if seen_from and (emails or is_visits) else ""


def _is_visits(names: Iterable[str]) -> bool:
    """Return whether the other columns only hold the time and the page of a visit."""
    others = [_plain(name) for name in names if not _IP.fullmatch(_plain(name))]
    times = [name for name in others if _TIME.fullmatch(name)]
    return bool(times) and all(_OF_VISIT.fullmatch(name) for name in others if name not in times)


def _unique_keys(
    tables: Mapping[str, object], found: Mapping[str, str | None], skip: Collection[str]
) -> dict[str, str]:
    """Return column -> table for the tables found whose key name no other table uses for its own key."""
    holders: dict[str, list[str]] = {}
    for name, table in tables.items():
        key = _key(table)
        if key and key.lower() not in _NAMELESS_KEYS:
            holders.setdefault(key, []).append(name)
    return {
        key: names[0]
        for key, names in holders.items()
        if len(names) == 1 and names[0] in found and names[0] not in skip and not is_owner(key)
    }


def _of_parent(parent: str, condition: str | None, key: str) -> str | None:
    if condition is None:
        return _is_empty(key)
    return f"COALESCE(`{key}`, '') NOT IN (SELECT `{key}` FROM `{parent}` WHERE NOT ({condition}))"


def _is_empty(column: str) -> str:
    # As text: such columns are numbers in one module and texts in another
    return f"COALESCE(`{column}`, '') IN ('', '0')"


def _names(table: Any) -> list[str]:
    return [column.name for column in table.columns]


def _key(table: object) -> str:
    """Return the only column of a table's key, "" when it has several or none."""
    key: Iterable[str] = getattr(table, "key", ())
    columns = list(key)
    return columns[0] if len(columns) == 1 else ""


def _plain(column: str) -> str:
    return column.replace("_", "").lower()
