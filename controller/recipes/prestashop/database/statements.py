"""Builds PrestaShop's parametrised statements: those that configure a new shop, and those of follow-up jobs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from controller.follow_up_kinds import HTTPS_ON, REMOVE, SET_ADMIN_PASSWORD
from controller.recipes.base import BCRYPT
from controller.recipes.own_tables import Administrator
from controller.recipes.prestashop.database.queries import Database
from controller.recipes.prestashop.database.settings import FROM_JOB, NEEDED
from shared.placeholders import token

if TYPE_CHECKING:
    from shared.documents import FollowUp, Statement, StatementCheck

_MD5_PROBES = ("0123456789abcdef" * 2, "fedcba9876543210" * 2)
#: Settings of https; the second no longer exists in newer series and does no harm there.
SSL = ("PS_SSL_ENABLED", "PS_SSL_ENABLED_EVERYWHERE")


class Statements:
    """Builds the statements of one template."""

    def __init__(self, database: Database, admin: Administrator, nonce: str, password_format: str = BCRYPT) -> None:
        self._admin = admin
        self._password_format = password_format
        self._nonce = nonce
        self._settings = database.settings()
        self._languages = database.languages()
        #: The codes that orders may name, the shop's own language first.
        self.order_languages = database.order_languages()
        self._countries = database.countries()
        self._currencies = database.currencies()
        self._translated = database.translated_settings()
        self._full = database.tables
        self._names = {name: f"`{full}`" for name, full in database.tables.items()}

    def currencies(self) -> Sequence[str]:
        """Return the codes that orders may name."""
        return self._currencies if "PS_CURRENCY_DEFAULT" in self._settings else ()

    def configure(self) -> list[Statement]:
        """Return the statements after the data: add missing settings, choose language and country among several."""
        made = [self._added(name) for name in NEEDED if name not in self._settings]
        if len(self._languages) > 1:
            made += self._language()
        if "PS_COUNTRY_DEFAULT" in self._settings and len(self._countries) > 1:
            made += self._country()
        if "PS_TIMEZONE" in self._settings:
            made.append(self._time_zone())
        if "PS_CURRENCY_DEFAULT" in self._settings and self._currencies:
            made += self._currency()
        return made

    def setting(self, name: str, value: str) -> list[tuple[str, Statement]]:
        """Return (table, statement) pairs that set a setting to a value as PrestaShop stores it: one row for all shops.

        Rows of a single shop would override it, and texts per language both: they get the value, too.
        """
        made = [] if name in self._settings else [self._inserted(name, value)]
        made.append(self._set_everywhere(name, value))
        texts = [self._set_in_languages(name, value)] if name in self._translated else []
        return [(self._full["configuration"], statement) for statement in made] + [
            (self._full["configuration_lang"], statement) for statement in texts
        ]

    def probes(self) -> dict[str, tuple[str, str]]:
        """Return value name -> two codes that select different rows, where the template has several."""
        choices = {
            "shop.language": self._languages, "shop.country": self._countries, "shop.currency": self._currencies
        }  # fmt: skip
        found = {name: (codes[0], codes[1]) for name, codes in choices.items() if len(codes) > 1}
        # Longer ones do not fit the column of 1.6
        return found if self._password_format == BCRYPT else {**found, "admin.password_hash": _MD5_PROBES}

    def jobs(self) -> dict[str, FollowUp]:
        """Return {kind: {"statements", "edits"}}."""
        kinds: dict[str, FollowUp] = {
            HTTPS_ON: {"statements": self._https_on(), "edits": [], "back": self._https_off()},
            REMOVE: {"statements": [self._switch("0")], "edits": [], "back": [self._switch("1")]},
        }
        if self._password_format == BCRYPT:
            # Other formats need the shop's cookie key, which the controller no longer has
            kinds[SET_ADMIN_PASSWORD] = {"statements": self._password(), "edits": []}
        return kinds

    def _sql(self, text: str) -> str:
        return text.format_map(self._names)

    def _value(self, name: str) -> str:
        filled: bytes = token(self._nonce, name)
        return filled.decode("ascii")

    def _added(self, name: str, otherwise: str = "0") -> Statement:
        sql = self._sql(
            "INSERT INTO {configuration} (name, value, date_add, date_upd)"
            " SELECT %s, %s, NOW(), NOW() FROM (SELECT 1 AS one) AS source"
            " WHERE NOT EXISTS (SELECT 1 FROM {configuration} WHERE name = %s)"
        )
        value = self._value(FROM_JOB[name]) if name in FROM_JOB else otherwise
        return {
            "sql": sql,
            "params": [name, value, name],
            "min_rows": 0,
            "max_rows": 1,
            "check": self._read_back(name, value),
        }

    def _read_back(self, name: str, value: str) -> StatementCheck:
        sql = self._sql("SELECT value FROM {configuration} WHERE name = %s ORDER BY id_configuration LIMIT 1")
        return {"sql": sql, "params": [name], "expect": [value]}

    def _inserted(self, name: str, value: str) -> Statement:
        # The next number by query: it must be the same wherever the statement runs
        sql = self._sql(
            "INSERT INTO {configuration} (id_configuration, name, value, date_add, date_upd)"
            " SELECT next.id, %s, %s, NOW(), NOW()"
            " FROM (SELECT COALESCE(MAX(id_configuration), 0) + 1 AS id FROM {configuration}) AS next"
            " WHERE NOT EXISTS (SELECT 1 FROM {configuration} WHERE name = %s)"
        )
        return {"sql": sql, "params": [name, value, name]}

    def _set_everywhere(self, name: str, value: str) -> Statement:
        sql = self._sql("UPDATE {configuration} SET value = %s, date_upd = NOW() WHERE name = %s")
        return {"sql": sql, "params": [value, name], "check": self._none_other("configuration", name, value)}

    def _set_in_languages(self, name: str, value: str) -> Statement:
        sql = self._sql(
            "UPDATE {configuration_lang} SET value = %s, date_upd = NOW() WHERE id_configuration IN"
            " (SELECT id_configuration FROM {configuration} WHERE name = %s)"
        )
        return {"sql": sql, "params": [value, name], "check": self._none_other("configuration_lang", name, value)}

    def _none_other(self, table: str, name: str, value: str) -> StatementCheck:
        sql = self._sql(
            "SELECT COUNT(*) > 0, COUNT(*) - SUM(CONVERT(value USING utf8mb4) COLLATE utf8mb4_bin <=> %s)"
            " FROM {"
            + table
            + "} WHERE id_configuration IN (SELECT id_configuration FROM {configuration} WHERE name = %s)"
        )
        return {"sql": sql, "params": [value, name], "expect": ["1", "0"]}

    def _language(self) -> list[Statement]:
        language = self._value("shop.language")
        found, names = "iso_code = %s AND active = 1 LIMIT 1", [language]
        if set(self.order_languages) - set(self._languages):
            # Also a language that PrestaShop calls otherwise, such as British English, unless one has exactly this code
            found = (
                "(iso_code = %s OR LEFT(language_code, 2) = %s) AND active = 1"
                " ORDER BY iso_code = %s DESC, id_lang LIMIT 1"
            )
            names = [language] * 3
        chosen = f"SELECT id_lang, LOWER(iso_code) AS iso FROM {{lang}} WHERE {found}"
        made = []
        for joined, column, value, where in (
            ("{configuration} c", "c.value", "l.id_lang", "c.name = 'PS_LANG_DEFAULT'"),
            ("{configuration} c", "c.value", "l.iso", "c.name = 'PS_LOCALE_LANGUAGE'"),
            ("{employee} e", "e.id_lang", "l.id_lang", "1"),
        ):
            if "PS_LOCALE_LANGUAGE" in where and "PS_LOCALE_LANGUAGE" not in self._settings:
                continue
            made.append(self._chosen(f"{joined} JOIN ({chosen}) l", column, value, where, *names))
        return made

    def _country(self) -> list[Statement]:
        # Only among the countries to which the template sells: nothing else in the database changes with the choice
        chosen = "SELECT id_country FROM {country} WHERE iso_code = %s AND active = 1 LIMIT 1"
        joined = "{configuration} c JOIN (" + chosen + ") l"
        # The second is the country of the shop's own address, if the template has one
        where = "(c.name = 'PS_COUNTRY_DEFAULT' OR (c.name = 'PS_SHOP_COUNTRY_ID' AND c.value REGEXP '^[1-9]'))"
        country = self._value("shop.country")
        chosen_ids = self._chosen(joined, "c.value", "l.id_country", where, country)
        return [chosen_ids, *self._country_locale(country)]

    def _country_locale(self, code: str) -> list[Statement]:
        """Return the statement for the setting by which localization packs are found: the code in lower case."""
        if "PS_LOCALE_COUNTRY" not in self._settings:
            return []
        chosen = "SELECT LOWER(iso_code) AS iso FROM {country} WHERE iso_code = %s AND active = 1 LIMIT 1"
        joined = "{configuration} c JOIN (" + chosen + ") l"
        return [self._chosen(joined, "c.value", "l.iso", "c.name = 'PS_LOCALE_COUNTRY'", code)]

    def _time_zone(self) -> Statement:
        zone = self._value("shop.time_zone")
        where = "name = 'PS_TIMEZONE' AND %s <> ''"
        return {
            "sql": self._sql(f"UPDATE {{configuration}} SET value = %s, date_upd = NOW() WHERE {where}"),
            "params": [zone, zone],
            "min_rows": 0,
            "check": {
                "sql": self._sql(f"SELECT COUNT(*) FROM {{configuration}} WHERE {where} AND NOT value <=> %s"),
                "params": [zone, zone],
                "expect": ["0"],
            },
        }

    def _currency(self) -> list[Statement]:
        """Return the statements that make the order's currency the default, to which all rates are relative; prices
        keep their numbers."""
        code = self._value("shop.currency")
        found = "FROM {currency} WHERE iso_code = %s AND active = 1 AND conversion_rate > 0"
        chosen = f"SELECT id_currency, conversion_rate AS rate {found} LIMIT 1"
        made = [self._rates(table, chosen, code) for table in ("currency_shop", "currency") if table in self._names]
        where = "c.name = 'PS_CURRENCY_DEFAULT'"
        setting = self._chosen("{configuration} c JOIN (" + chosen + ") l", "c.value", "l.id_currency", where, code)
        # A currency that the template lacks must not silently become another
        there = self._sql(f"SELECT %s = '' OR COUNT(*) > 0 {found}")
        known: StatementCheck = {"sql": there, "params": [code, code], "expect": ["1"]}
        return [*made, {**setting, "check": known}]

    def _rates(self, table: str, chosen: str, code: str) -> Statement:
        joined = f"{{{table}}} c JOIN ({chosen}) l"
        other = f"SELECT COUNT(*) FROM {joined} ON l.id_currency = c.id_currency WHERE c.conversion_rate <> 1"
        return {
            "sql": self._sql(f"UPDATE {joined} SET c.conversion_rate = ROUND(c.conversion_rate / l.rate, 6)"),
            "params": [code],
            "min_rows": 0,
            "check": {"sql": self._sql(other), "params": [code], "expect": ["0"]},
        }

    def _chosen(self, joined: str, column: str, value: str, where: str, *codes: str) -> Statement:
        """Return the statement that sets a column from the row of `codes`, if the template has it; its check: no other
        value remains."""
        # As bytes: texts of two tables may have different collations, which cannot be compared
        same = f"CAST({column} AS BINARY) <=> CAST({value} AS BINARY)"
        other = self._sql(f"SELECT COUNT(*) FROM {joined} WHERE {where} AND NOT {same}")
        return {
            "sql": self._sql(f"UPDATE {joined} SET {column} = {value} WHERE {where}"),
            "params": [*codes],
            "min_rows": 0,
            "check": {"sql": other, "params": [*codes], "expect": ["0"]},
        }

    def _https_on(self) -> list[Statement]:
        # If the second is missing, pages would redirect visitors to http
        missing = [self._added(name, "1") for name in SSL if name not in self._settings]
        return missing + self._domain_ssl() + [self._set(name, "1") for name in SSL]

    def _https_off(self) -> list[Statement]:
        return [self._set(name, "0") for name in reversed(SSL)]

    def _set(self, name: str, value: str) -> Statement:
        sql = self._sql("UPDATE {configuration} SET value = %s, date_upd = NOW() WHERE name = %s")
        return {"sql": sql, "params": [value, name], "min_rows": 0, "check": self._read_back(name, value)}

    def _domain_ssl(self) -> list[Statement]:
        """Return the statements for the host over https: it differs from that over http only with unusual ports."""
        host = self._value("domain_ssl")
        address = self._sql("UPDATE {shop_url} SET domain_ssl = %s WHERE main = 1")
        setting = self._sql("UPDATE {configuration} SET value = %s, date_upd = NOW() WHERE name = %s")
        return [
            {"sql": address, "params": [host], "min_rows": 0},
            {"sql": setting, "params": [host, "PS_SHOP_DOMAIN_SSL"], "min_rows": 0},
        ]

    def _password(self) -> list[Statement]:
        number = str(self._admin.number)
        hashed = self._value("admin.password_hash")
        statement: Statement = {
            "sql": self._sql("UPDATE {employee} SET passwd = %s WHERE id_employee = %s"),
            "params": [hashed, number],
            "min_rows": 0,
            "max_rows": 1,
            "check": {
                "sql": self._sql("SELECT passwd FROM {employee} WHERE id_employee = %s"),
                "params": [number],
                "expect": [hashed],
            },
        }
        if "employee_session" not in self._names:
            return [statement]
        ended = self._sql("DELETE FROM {employee_session} WHERE id_employee = %s")
        return [statement, {"sql": ended, "params": [number], "min_rows": 0}]

    def _switch(self, value: str) -> Statement:
        # Data stay: the panel removes them with the account
        sql = self._sql("UPDATE {configuration} SET value = %s, date_upd = NOW() WHERE name = 'PS_SHOP_ENABLE'")
        return {"sql": sql, "params": [value], "min_rows": 0}
