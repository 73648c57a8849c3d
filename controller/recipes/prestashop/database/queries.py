"""Reads from a PrestaShop database what the recipe needs: domain, administrator, settings, products."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from controller.recipes.base import TemplateDatabase
from controller.recipes.customers.people import Known, Own, Search
from controller.recipes.location.hosts import are_one_site, plain
from controller.recipes.own_tables import Administrator, OwnTables
from shared.errors import ShoplaunchError

_SUPER_ADMIN = 1
#: Folders named in the database: (table, column, parent folder). 1.6 stores its themes in their own table.
_IN_USE = (("shop", "theme_name", "themes"), ("theme", "directory", "themes"), ("module", "name", "modules"))

#: Columns with addresses and phone numbers of the owner.
_OF_OWNER = frozenset({"email", "phone", "phone_mobile", "fax"})
_OF_CUSTOMERS = " WHERE id_customer <> 0"
#: Columns with those of customers: (table, column, condition).
_EMAILS = (("customer", "email", ""), ("customer_thread", "email", ""))
_PHONES = (("address", "phone", _OF_CUSTOMERS), ("address", "phone_mobile", _OF_CUSTOMERS))
#: Of a row's number: Python reads none of thousands.
_MOST_DIGITS = 19


def row_number(setting: str) -> int | None:
    """Return the number of a row that a setting names, None where it is none."""
    digits = setting.strip()
    return int(digits) if digits.isdecimal() and len(digits) <= _MOST_DIGITS else None


class Database(OwnTables):
    """Queries one template's database."""

    NEEDED = ("shop_url", "shop", "configuration", "employee", "lang", "product")

    def __init__(self, database: TemplateDatabase, prefix: str) -> None:
        super().__init__(database, prefix)
        self.all_tables = frozenset(database.tables)
        self._all_settings: list[tuple[str, bytes]] | None = None

    def address(self) -> tuple[list[str], str]:
        """Return (hosts, base URI). Raises ShoplaunchError `several_domains`, `domain_unknown`."""
        columns = "domain, domain_ssl, physical_uri, virtual_uri, id_shop"
        # The address to which visitors are redirected comes first
        rows = self.rows(f"SELECT {columns} FROM {{shop_url}} ORDER BY main DESC, id_shop_url")
        hosts = list(dict.fromkeys(plain(host) for row in rows for host in row[:2] if host.strip()))
        uris = {(row[2] or "/", row[3]) for row in rows}
        # The other hosts of a single shop are other names: for https, or redirected to the first
        if len({row[4] for row in rows}) > 1 and not are_one_site(hosts):
            raise ShoplaunchError("several_domains", f"ps_shop_url names {', '.join(hosts)}")
        if len(uris) > 1:
            raise ShoplaunchError("several_domains", "ps_shop_url names several addresses: a multistore")
        if not hosts:
            raise ShoplaunchError("domain_unknown", "ps_shop_url names no domain")
        uri = "/" + rows[0][2].strip("/") + "/" if rows[0][2].strip("/") else "/"
        return hosts, uri

    def main_address(self) -> int:
        """Return the row number of the shop's main address, or of the first one when none is marked as main.

        Raises ShoplaunchError `several_domains`.
        """
        rows = self.rows("SELECT id_shop_url, main FROM {shop_url} ORDER BY main DESC, id_shop_url")
        main = [is_main for _, is_main in rows if is_main == "1"]
        if len(main) > 1:
            raise ShoplaunchError("several_domains", f"ps_shop_url names {len(main)} main addresses")
        return int(rows[0][0])

    def administrator(self) -> Administrator:
        """Return the first active super administrator. Raises ShoplaunchError `admin_missing`."""
        rows = self.rows(
            "SELECT id_employee, email FROM {employee}"
            f" WHERE id_profile = {_SUPER_ADMIN} AND active = 1 ORDER BY id_employee LIMIT 1"
        )
        if not rows:
            raise ShoplaunchError("admin_missing", "no active employee has the profile SuperAdmin")
        return Administrator(int(rows[0][0]), rows[0][1])

    def settings(self) -> Mapping[str, str]:
        """Return name -> value; a shop's own value takes precedence over the general one."""
        rows = self.rows("SELECT name, value FROM {configuration} ORDER BY id_shop IS NOT NULL, id_configuration")
        return {row[0]: row[1] for row in rows}

    def anonymous_customer(self) -> int | None:
        """Return the number of the customer to whom psgdpr assigns the orders of deleted customers, None without one.

        The module creates it when it is installed. A number that has become a real customer's does not count.
        """
        wanted = row_number(self.settings().get("PSGDPR_ANONYMOUS_CUSTOMER", ""))
        if wanted is None or "customer" not in self.tables:
            return None
        found = self.rows(
            f"SELECT id_customer FROM {{customer}} WHERE id_customer = {wanted} AND email LIKE 'anonymous@%'"
        )
        return int(found[0][0]) if found else None

    def all_settings(self) -> list[tuple[str, bytes]]:
        """Return (name, value) of every setting, including those of single shops and those with a text per language."""
        if self._all_settings is None:
            rows = self.template.query(
                "SELECT name, value FROM {configuration} ORDER BY id_configuration".format_map(self.names)
            )
            if "configuration_lang" in self.tables:
                rows = rows + self.template.query(
                    "SELECT c.name, l.value FROM {configuration} c JOIN {configuration_lang} l"
                    " ON l.id_configuration = c.id_configuration"
                    " ORDER BY c.id_configuration, l.id_lang".format_map(self.names)
                )
            self._all_settings = [(name.decode("utf-8", "replace"), value) for name, value in rows if name and value]
        return self._all_settings

    def people(self, hosts: Sequence[str]) -> Search:
        """Return a search for people who are not the owner, nor at one of the shop's `hosts`."""
        values = [value.decode("utf-8", "replace") for _, value in self.all_settings()]
        for table, condition in (
            ("contact", ""),
            ("employee", ""),
            ("store", ""),
            ("address", " WHERE id_customer = 0"),
        ):
            columns = sorted(_OF_OWNER & self.columns(table)) if table in self.tables else []
            if columns:
                rows = self.rows(f"SELECT {', '.join(columns)} FROM {{{table}}}{condition}")
                values += [cell for row in rows for cell in row if cell]
        return Search(self.template, Own.of(values, hosts), Known(self._listed(_EMAILS), self._listed(_PHONES)))

    def _listed(self, columns: Sequence[tuple[str, str, str]]) -> tuple[str, ...]:
        found = []
        for table, column, condition in columns:
            if table in self.tables and column in self.columns(table):
                found.append(f"SELECT `{column}` AS value FROM `{self.tables[table]}`{condition}")
        return tuple(found)

    def setting_names(self) -> Mapping[bytes, str]:
        """Return number -> name of the settings."""
        rows = self.template.query("SELECT id_configuration, name FROM {configuration}".format_map(self.names))
        return {number: (name or b"").decode("utf-8", "replace") for number, name in rows if number is not None}

    def translated_settings(self) -> frozenset[str]:
        """Return the names of the settings that have a text per language."""
        if "configuration_lang" not in self.tables:
            return frozenset()
        rows = self.rows(
            "SELECT DISTINCT c.name FROM {configuration} c"
            " JOIN {configuration_lang} l ON l.id_configuration = c.id_configuration"
        )
        return frozenset(row[0] for row in rows)

    def languages(self) -> list[str]:
        """Return the ISO codes of the active languages, the default first."""
        return [row[0] for row in self.rows("SELECT iso_code FROM {lang} WHERE active = 1 ORDER BY id_lang")]

    def order_languages(self) -> list[str]:
        """Return the codes by which an order may name its language, the shop's own first.

        PrestaShop's code of British English is `gb`: `en` selects it as well.
        """
        default = self.settings().get("PS_LANG_DEFAULT", "")
        code = "LEFT(language_code, 2)" if "language_code" in self.columns("lang") else "iso_code"
        rows = self.rows(f"SELECT id_lang, iso_code, {code} FROM {{lang}} WHERE active = 1 ORDER BY id_lang")
        rows.sort(key=lambda row: row[0] != default)
        codes = dict.fromkeys(code.lower() for row in rows for code in row[1:])
        return [code for code in codes if len(code) == 2 and code.isalpha() and code.isascii()]

    def countries(self) -> list[str]:
        """Return the ISO codes of the countries the shop sells to."""
        if "country" not in self.tables:
            return []
        return [row[0] for row in self.rows("SELECT iso_code FROM {country} WHERE active = 1 ORDER BY id_country")]

    def currencies(self) -> list[str]:
        """Return the ISO codes of the active currencies."""
        if "currency" not in self.tables or "conversion_rate" not in self.columns("currency"):
            return []
        return [row[0] for row in self.rows("SELECT iso_code FROM {currency} WHERE active = 1 ORDER BY id_currency")]

    def folders_in_use(self) -> set[str]:
        """Return the folders of the active themes and modules."""
        used = set()
        for table, column, folder in _IN_USE:
            if table in self.tables and column in self.columns(table):
                used |= {f"{folder}/{name}" for (name,) in self.rows(f"SELECT {column} FROM {{{table}}}") if name}
        return used


def require_same_release(tree: str, database: str) -> None:
    """Raise if another release than the tree's last upgraded the database. Versions as "8.2.1".

    The last number may differ: such updates change no tables. Without a version in the database (`PS_VERSION_DB`,
    written by installer and upgrades) nothing is checked. Raises ShoplaunchError `database_of_another_tree`.
    """
    if database and _release(tree) != _release(database):
        raise ShoplaunchError("database_of_another_tree", f"files of {tree}, database of {database}")


def _release(version: str) -> list[str]:
    numbers = version.split(".")
    return numbers[:3] if numbers[0] == "1" else numbers[:2]
