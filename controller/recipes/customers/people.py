"""Finds tables unknown to a recipe whose columns hold e-mail addresses, phone numbers or IP addresses of people."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from controller.recipes.base import People, TemplateDatabase
from controller.recipes.customers import unknown_tables

#: Values of a column that are read at first, and at most at once: a table of people mostly shows one among the first.
_FIRST, _MOST = 200, 50_000
#: How the values of two tables are compared, whatever their character sets are: as texts of this length.
_COMPARED = "TRIM(CAST(`{}` AS CHAR(190) CHARACTER SET utf8mb4)) COLLATE utf8mb4_unicode_ci"
_TEXTS = frozenset({"char", "varchar", "tinytext", "text", "mediumtext", "longtext"})
_NUMBERS = frozenset({"int", "bigint"})
_BYTES = frozenset({"binary", "varbinary"})
#: Longer values are texts, not somebody's addresses or number; except those whose beginning names so many addresses.
_LONGEST, _ADDRESSES = 1000, 10
_EMAIL = re.compile(r".*mails?(?:address(?:es)?|addr)?")
_PHONE = re.compile(
    r"(?:.*(?:phone|mobile|whatsapp|telefono|telefon|telephone)(?:number|no|num|mobile|home|work|pro|perso)?"
    r"|tel|telno|gsm|cell|fax|faxnumber)"
)
_IP = re.compile(r".*ip(?:address|addr|v4|v6)?|.*remoteaddr(?:ess)?")
#: The same for the whole name: numbers whose name only ends so may be anything.
_PLAIN_IP = re.compile(r"(?:customer|user|guest|client|visitor|remote|author)?ip(?:address|addr)?|remoteaddr")
_A_PHONE = re.compile(r"[+(]{0,2}[0-9][0-9 ()./-]{5,24}")
_DIGITS = re.compile(r"[^0-9]")
_LEAST_DIGITS = 6
#: Lower numbers are networks without visitors.
_FIRST_ADDRESS = 2**24
#: Allow and deny lists of an owner.
_LIST_OF_PLACES = re.compile(r"ban|black|block|deny|denied|white|allow|trust|except", re.IGNORECASE)


@dataclass(frozen=True)
class Own:
    """The owner's data: e-mail addresses and hosts (lower case), phone numbers (digits)."""

    addresses: frozenset[str]
    phones: frozenset[str]

    @classmethod
    def of(cls, values: Iterable[str], hosts: Iterable[str]) -> Own:
        """Return the owner's data among `values` of settings, and the shop's hosts."""
        lowered = {value.strip().lower() for value in values}
        phones = {_digits(value) for value in lowered if _A_PHONE.fullmatch(value)}
        return cls(frozenset({*(value for value in lowered if "@" in value), *hosts}), frozenset(phones))


@dataclass(frozen=True)
class Known:
    """The known places of customers' addresses and numbers: one query per column."""

    emails: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()


class Search:
    """Searches tables of a template's database for personal data."""

    def __init__(self, database: TemplateDatabase, own: Own, known: Known) -> None:
        self._database = database
        self._own = own
        self._known = known

    def of_customers(self, tables: Collection[str], condition: Callable[[str], str | None]) -> list[str]:
        """Return those of `tables` in which a row to pack has a customer's address or number."""
        found = []
        for name in sorted(tables):
            where = condition(name)
            if where is not None and any(self._refers(name, *one, where) for one in self._columns(name)):
                found.append(name)
        return found

    def undecided(self, tables: Collection[str], condition: Callable[[str], str | None]) -> list[People]:
        """Return those of `tables`, sorted by name, that hold data of people other than the owner."""
        found = []
        for name in sorted(tables):
            where = condition(name)
            columns = () if where is None else tuple(
                column for column, kind, data in self._columns(name)
                if any(
                    self._is_somebodys(kind, data, value) for value in self._values(name, column, kind, data, where)
                )
            )  # fmt: skip
            if columns:
                filled = " OR ".join(f"COALESCE(`{column}`, '') NOT IN ('', '0')" for column in columns)
                found.append(People(name, columns, self._count(name, f"({where or '1'}) AND ({filled})")))
        return found

    def _columns(self, table: str) -> Iterator[tuple[str, str, str]]:
        """Yield (column, kind of its data, data type)."""
        for column in self._database.tables[table].columns:
            plain, data = column.name.replace("_", "").lower(), getattr(column, "kind", "")
            if data in _TEXTS | _BYTES and _EMAIL.fullmatch(plain):
                yield column.name, "email", data
            elif data in _TEXTS | _BYTES | _NUMBERS | {"decimal"} and _PHONE.fullmatch(plain):
                yield column.name, "phone", data
            elif not _LIST_OF_PLACES.search(table) and (
                (data in _TEXTS and _IP.fullmatch(plain)) or (data in _NUMBERS | _BYTES and _PLAIN_IP.fullmatch(plain))
            ):
                yield column.name, "ip", data

    def _values(self, table: str, column: str, kind: str, data: str, where: str) -> Iterator[bytes]:
        """Yield the distinct values of a column that may be somebody's by their form."""
        condition = f"({where or '1'}) AND COALESCE(`{column}`, '') NOT IN ('', '0') AND {_form(column, kind, data)}"
        shown = _beginning(column) if kind == "email" else f"`{column}`"
        yield from self._distinct(f"SELECT DISTINCT {shown} AS value FROM `{table}` WHERE {condition}")

    def _distinct(self, query: str) -> Iterator[bytes]:
        """Yield all values of a query of one column, a bounded number of them at once."""
        start, size = 0, _FIRST
        while True:
            rows = self._database.query(f"{query} ORDER BY value LIMIT {size} OFFSET {start}")
            yield from (row[0] for row in rows if row[0])
            if len(rows) < size:
                return
            start, size = start + size, min(size * 10, _MOST)

    def _count(self, table: str, where: str) -> int:
        return int(self._database.query(f"SELECT COUNT(*) FROM `{table}` WHERE {where}")[0][0] or 0)

    def _refers(self, table: str, column: str, kind: str, data: str, where: str) -> bool:
        known = {"email": self._known.emails, "phone": self._known.phones}.get(kind, ())
        theirs = f"SELECT {_COMPARED.format(column)} AS value FROM `{table}` WHERE {where or '1'}"
        return any(
            self._is_somebodys(kind, data, value)
            for query in known
            for value in self._distinct(
                f"SELECT DISTINCT value FROM ({theirs}) AS theirs"
                f" WHERE value IN (SELECT {_COMPARED.format('value')} FROM ({query}) AS of_customers)"
            )
        )

    def _is_somebodys(self, kind: str, data: str, value: bytes) -> bool:
        if kind == "email":
            least = _ADDRESSES if len(value) > _LONGEST else 1
            return unknown_tables.names_strangers(value, self._own.addresses, least)
        text = value.decode("utf-8", "replace").strip()
        if kind == "phone":
            digits = _digits(text)
            return bool(_A_PHONE.fullmatch(text)) and len(digits) >= _LEAST_DIGITS and digits not in self._own.phones
        return _is_visitors(value if data in _BYTES else text, data)


def unprefixed(tables: Mapping[str, object], prefix: str, foreign: Collection[str]) -> dict[str, object]:
    """Return the tables that have no installation's prefix: modules and owners make such tables."""
    return {name: table for name, table in tables.items() if not name.startswith(prefix) and name not in foreign}


def _form(column: str, kind: str, data: str) -> str:
    """Return the SQL condition that each value which is somebody's satisfies: it only saves reading others."""
    if data in _NUMBERS | {"decimal"}:
        return f"`{column}` >= {_FIRST_ADDRESS if kind == 'ip' else 10 ** (_LEAST_DIGITS - 1)}"
    if kind == "ip" and data in _BYTES:
        return f"LENGTH(`{column}`) IN (4, 16)"
    form = {"ip": "[0-9A-Fa-f]*[.:][0-9A-Fa-f]*[.:]", "email": ".@.+[.].", "phone": "[0-9][0-9 ()./-]{5}"}[kind]
    if kind == "email":
        return f"{_beginning(column)} REGEXP '{form}'"
    return f"LENGTH(`{column}`) <= {_LONGEST} AND `{column}` REGEXP '{form}'"


def _beginning(column: str) -> str:
    return f"LEFT(`{column}`, {_LONGEST + 1})"


def _digits(text: str) -> str:
    return _DIGITS.sub("", text)


def _is_visitors(value: bytes | str, data: str) -> bool:
    """Return whether a value is a visitor's IP address, not one of the machine itself."""
    try:
        if data in _NUMBERS:
            number = int(value)
            address = ipaddress.ip_address(number) if number >= _FIRST_ADDRESS else None
        else:
            address = ipaddress.ip_address(value)
    except ValueError:
        return False
    return address is not None and not (address.is_loopback or address.is_unspecified)
