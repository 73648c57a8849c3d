"""Decides which rows of PrestaShop are kept, and which cells the recipe sets itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from controller.recipes.base import Cells, People
from controller.recipes.customers.columns import rows_to_keep
from controller.recipes.customers.people import unprefixed
from controller.recipes.customers.rows import Rules, Setter
from controller.recipes.foreign_tables import foreign_tables
from controller.recipes.own_tables import Administrator
from controller.recipes.prestashop.database import settings, tables
from controller.recipes.prestashop.database.queries import Database
from controller.recipes.prestashop.database.remembered import remembered


class RowRules(Rules):
    """The rules for the rows of one template's database."""

    def __init__(
        self, database: Database, admin: Administrator, nonce: str, keep_customers: bool, hosts: Sequence[str] = ()
    ) -> None:
        self._database = database
        self._hosts = hosts
        self._admin = admin
        self._keep_customers = keep_customers
        self._anonymous = None if keep_customers else database.anonymous_customer()
        foreign = foreign_tables(database.all_tables, database.prefix)
        #: Tables without the shop's prefix.
        self._others = unprefixed(database.template.tables, database.prefix, foreign)
        self._undecided: list[People] = []
        self._judged = self._judge(foreign)
        # Not during the reading of rows: a connection answers one query at a time
        self._setting_names = database.setting_names()
        super().__init__(database, nonce, foreign)
        self.people = self._undecided
        if not keep_customers:
            self._conditions |= {full: self._judged[full] for full in self._others if full in self._judged}
        #: Table -> settings and columns that still refer to its rows.
        self.remembered = {} if keep_customers else remembered(database, database.settings(), self.condition)

    def goes_on(self, table: str) -> bool:
        """Return whether an emptied table continues its counter: the bundle may still refer to its rows."""
        return self._short.get(table) in self.remembered

    def _judge(self, foreign: frozenset[str]) -> Mapping[str, str | None]:
        """Return table -> condition of rows of no customer, for modules' tables with columns that name customers."""
        known = tables.ALWAYS_EMPTY | tables.CUSTOMERS | tables.PAYMENTS | set(tables.CUSTOMER_ROWS)
        skip = foreign | {full for short, full in self._database.tables.items() if short in known}
        own, others = self._database.own_tables(), self._others
        found = rows_to_keep(own, skip)
        if others:
            of_all = rows_to_keep({**own, **others}, skip)
            found |= {name: of_all[name] for name in others if name in of_all}
        if not self._keep_customers:
            known |= tables.JUDGED
            judged = foreign | {full for short, full in self._database.tables.items() if short in known}
            unknown = {*own, *others} - judged
            search = self._database.people(self._hosts)
            found |= dict.fromkeys(search.of_customers(unknown, lambda name: found.get(name, "")))
            self._undecided = search.undecided(unknown, lambda name: found.get(name, ""))
        return found

    def _all_setters(self) -> Mapping[str, Setter]:
        return {
            "configuration": self._setting,
            "configuration_lang": self._setting_text,
            "shop_url": self._shop_url,
            "shop": self._shop,
            "employee": self._employee,
            "contact": self._contact,
            "customer": self._customer,
        }

    def _other(self, row: Cells) -> Mapping[str, bytes | None]:
        return {column: b"" for column in tables.STAFF_COLUMNS if row.get(column)}

    def personal_data(self) -> list[str]:
        """Return the places where personal data of the template remains."""
        found = [
            f"{self._database.tables[short]}: {what}"
            for short, what in sorted(tables.OWNERS.items())
            if short in self._database.tables and self._database.count(self._database.tables[short])
        ]
        values = self._database.settings()
        named = [name for name in tables.OWNER_SETTINGS if values.get(name)]
        if named:
            found.append(f"{self._database.tables['configuration']}: {', '.join(named)}")
        if self._keep_customers:
            kept = sorted(full for full, short in self._short.items() if self._is_customers(short))
            return found + [f"{full}: customers" for full in kept if self._database.count(full)]
        return found + self.of_nobody(self._judged)

    def _condition(self, short: str) -> str | None:
        if short in tables.ALWAYS_EMPTY:
            return None
        if short in ("employee", "employee_shop"):
            return f"`id_employee` = {self._admin.number}"
        if short == "shop_url":
            # The addresses with and without www. would all become the same
            return f"`id_shop_url` = {self._database.main_address()}"
        if self._keep_customers:
            return ""
        if self._anonymous is not None and short in ("customer", "customer_group", "address"):
            own = f"`id_customer` = {self._anonymous}"
            return f"`id_customer` = 0{self._of_no_company()} OR {own}" if short == "address" else own
        if short in tables.CUSTOMERS or short in tables.PAYMENTS:
            return None
        if short in tables.OF_CART_RULES and "cart_rule" in self._database.tables:
            rules = self._database.tables["cart_rule"]
            return f"`id_cart_rule` NOT IN (SELECT `id_cart_rule` FROM `{rules}` WHERE `id_customer` <> 0)"
        needed, condition = tables.CUSTOMER_ROWS.get(short, ((), ""))
        if not set(needed) <= self._database.columns(short):
            return ""
        if short == "address":
            return condition + self._of_no_company()
        return condition or self._judged.get(self._database.tables[short], "")

    def _of_no_company(self) -> str:
        """Return the condition that excludes the addresses of companies, which belong to no customer."""
        if tables.COMPANIES not in self._database.tables:
            return ""
        return f" AND `id_address` NOT IN (SELECT `id_address` FROM `{self._database.tables[tables.COMPANIES]}`)"

    def _is_customers(self, short: str) -> bool:
        return short in tables.CUSTOMERS or short in tables.PAYMENTS or self._database.tables[short] in self._judged

    def _is_known(self, short: str) -> bool:
        # If customers are kept, so is their data
        return short in self._setters or (self._keep_customers and self._is_customers(short))

    def _reason(self, short: str) -> str:
        if short in ("employee", "employee_shop"):
            return "only one employee is kept, as the new administrator"
        if short == "shop_url":
            return "other spellings of the shop's only address"
        if short in tables.ALWAYS_EMPTY:
            return "traces of visits, caches, sessions or access of others"
        return "customers and what they left"

    def _setting(self, row: Cells) -> Mapping[str, bytes | None]:
        name = (row["name"] or b"").decode("utf-8", "replace")
        value = row["value"]
        template = settings.template_of(name, value, self._nonce)
        return {} if template is value or template == value else {"value": template}

    def _setting_text(self, row: Cells) -> Mapping[str, bytes | None]:
        if not row["value"]:
            return {}
        name, value = self._setting_names.get(row["id_configuration"] or b"", ""), row["value"]
        template = settings.without_secrets(name, value)
        return {} if template is value else {"value": template}

    def _shop_url(self, row: Cells) -> Mapping[str, bytes | None]:
        domain, uri = self._filled("domain"), self._filled("base_uri")
        return {"domain": domain, "domain_ssl": domain, "physical_uri": uri, "virtual_uri": b"", "main": b"1"}

    def _shop(self, row: Cells) -> Mapping[str, bytes | None]:
        return {"name": self._filled("shop.name")}

    def _contact(self, row: Cells) -> Mapping[str, bytes | None]:
        return {"email": self._filled("shop.email")} if row.get("email") else {}

    def _customer(self, row: Cells) -> Mapping[str, bytes | None]:
        if self._anonymous is not None:
            # Nobody logs in as this customer; its keys must not be the same in every shop
            return {"passwd": b"", "secure_key": b"-1", "reset_password_token": None}
        return {"reset_password_token": None} if row.get("reset_password_token") else {}

    def _employee(self, row: Cells) -> Mapping[str, bytes | None]:
        wanted: dict[str, bytes | None] = {
            "email": self._filled("admin.email"),
            "passwd": self._filled("admin.password_hash"),
            "firstname": self._filled("admin.first_name"),
            "lastname": self._filled("admin.last_name"),
            "reset_password_token": None,
            "last_connection_date": None,
        }
        if not self._keep_customers:
            wanted |= {"id_last_order": b"0", "id_last_customer_message": b"0", "id_last_customer": b"0"}
        return {column: value for column, value in wanted.items() if column in row}
