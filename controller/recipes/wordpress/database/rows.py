"""Decides which rows of WordPress are kept, and which cells the recipe sets itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from controller.recipes.base import Cells, People
from controller.recipes.customers.columns import rows_to_keep
from controller.recipes.customers.people import Own
from controller.recipes.customers.rows import Rules, Setter
from controller.recipes.own_tables import Administrator
from controller.recipes.secrets import parts
from controller.recipes.wordpress.database import options, tables
from controller.recipes.wordpress.database.queries import Database

#: Post meta of a product's sales and reviews -> the value for a product without any.
_NO_SALES = {
    b"total_sales": b"0", b"_wc_average_rating": b"0", b"_wc_review_count": b"0", b"_wc_rating_count": b"a:0:{}",
}  # fmt: skip
_NO_SALES_COLUMNS = ("total_sales", "rating_count", "average_rating")
_LOGIN = "owner"


class RowRules(Rules):
    """The rules for the rows of one template's database."""

    def __init__(
        self, database: Database, admin: Administrator, nonce: str, keep_customers: bool, by_email: bool,
        own: Own | None = None,
    ) -> None:  # fmt: skip
        self._own = own
        self._by_email = by_email
        self._database = database
        self._admin = admin
        self._keep_customers = keep_customers
        self._login = self._free_login()
        self._undecided: list[People] = []
        self._judged = self._judge()
        super().__init__(database, nonce, database.foreign)
        self.people = self._undecided
        if not keep_customers:
            self._conditions |= {full: self._judged[full] for full in database.others if full in self._judged}

    def _all_setters(self) -> Mapping[str, Setter]:
        return {
            "options": self._option,
            "posts": self._post,
            "postmeta": self._post_meta,
            "users": self._user,
            "usermeta": self._user_meta,
            "wc_product_meta_lookup": self._sales,
        }

    def personal_data(self) -> list[str]:
        """Return the places where personal data of the template remains."""
        known = self._database.options()
        named = [name for name in tables.OWNER_OPTIONS if known.get(name)]
        found = [f"{self._database.tables['options']}: {', '.join(named)}"] if named else []
        found.append(f"{self._database.tables['posts']}: pages and posts with texts of the template's owner")
        if self._keep_customers:
            kept = sorted(
                full
                for full, short in self._short.items()
                if short in {*tables.CUSTOMERS, "users"} or full in self._judged
            )
            return found + [f"{full}: customers" for full in kept if self._database.count(full)]
        return found + self.of_nobody(self._judged)

    def _condition(self, short: str) -> str | None:
        if tables.is_trace(short):
            return None
        if short == "options":
            return options.CONDITION
        if short == "users":
            return f"ID = {self._admin.number}" + (f" OR ID IN ({self._customers()})" if self._keep_customers else "")
        if short == "usermeta":
            return self._of_users()
        if short in ("posts", "postmeta"):
            return self._of_posts(short)
        if self._keep_customers:
            return ""
        return None if short in tables.CUSTOMERS else self._judged.get(self._database.tables[short], "")

    def _judge(self) -> Mapping[str, str | None]:
        """Return table -> condition of the rows to keep, for plug-ins' tables with columns that name customers."""
        known = tables.JUDGED | tables.CUSTOMERS
        skip = {full for short, full in self._database.tables.items() if short in known or tables.is_trace(short)}
        plugins = {full: table for full, table in self._database.own_tables().items() if full not in skip}
        found = rows_to_keep(self._database.own_tables(), skip)
        others = self._database.others
        if others:
            of_all = rows_to_keep({**self._database.own_tables(), **others}, skip)
            found |= {name: of_all[name] for name in others if name in of_all}
        for full, table in plugins.items():
            users = [column.name for column in table.columns if column.name in ("user_id", "wp_user_id")]
            if users and full not in found:
                # Posts by users other than customers are content: the administrator becomes their author
                found[full] = f"COALESCE(`{users[0]}`, 0) NOT IN ({self._customers()})"
        if self._own is not None and not self._keep_customers:
            unknown = {*plugins, *others}
            search = self._database.people(self._own, self._admin.number)
            found |= dict.fromkeys(search.of_customers(unknown, lambda name: found.get(name, "")))
            self._undecided = search.undecided(unknown, lambda name: found.get(name, ""))
        return found

    def _customers(self) -> str:
        """Return the query for the numbers of users who may only buy or read."""
        roles = " OR ".join(f"INSTR(meta_value, '\"{role}\";b:1;') > 0" for role in tables.CUSTOMER_ROLES)
        return (
            f"SELECT user_id FROM `{self._database.tables['usermeta']}`"
            f" WHERE meta_key = '{self._database.prefix}capabilities' AND LEFT(meta_value, 4) = 'a:1:' AND ({roles})"
        )

    def _of_users(self) -> str:
        prefixed = [self._database.prefix + name for name in tables.ADMIN_META_PREFIXED]
        own = f"user_id = {self._admin.number} AND meta_key IN ({_listed([*tables.ADMIN_META, *prefixed])})"
        if not self._keep_customers:
            return own
        hidden = _listed(("session_tokens", "_application_passwords"))
        return (
            f"({own}) OR (user_id <> {self._admin.number} AND user_id IN ({self._customers()})"
            f" AND COALESCE(meta_key, '') NOT IN ({hidden}))"
        )

    def _of_posts(self, short: str) -> str:
        kinds = [*tables.SCRAP_POSTS, *(() if self._keep_customers else tables.CUSTOMER_POSTS)]
        posts = f"post_type NOT IN ({_listed(kinds)}) AND post_status NOT IN ({_listed(tables.SCRAP_STATES)})"
        if short == "posts":
            return posts
        return (
            f"post_id IN (SELECT ID FROM `{self._database.tables['posts']}` WHERE {posts})"
            f" AND COALESCE(meta_key, '') NOT IN ({_listed(tables.SCRAP_POST_META)})"
            " AND COALESCE(meta_key, '') NOT REGEXP '^_oembed_'"
        )

    def _is_known(self, short: str) -> bool:
        if self._keep_customers:
            # If customers are kept, so is their data
            is_customers = short in tables.CUSTOMERS or self._database.tables[short] in self._judged
            return is_customers or short in self._setters
        return short in self._setters and short != "postmeta"

    def _reason(self, short: str) -> str:
        if short in ("users", "usermeta"):
            return "only one administrator is kept, without sessions and keys"
        if short == "options":
            return "caches, locks and keys that WordPress makes anew"
        if short in ("posts", "postmeta"):
            return "revisions, drafts by WordPress itself, the bin, and what customers left"
        return "traces of visits, caches or access of others" if tables.is_trace(short) else "customers and visitors"

    def _free_login(self) -> str:
        taken = {row[0].lower() for row in self._database.rows("SELECT user_login FROM {users}")}
        names = (_LOGIN, *(f"{_LOGIN}{number}" for number in range(2, len(taken) + 3)))
        return next(name for name in names if name not in taken or not self._keep_customers)

    def _option(self, row: Cells) -> Mapping[str, bytes | None]:
        name, value = (row["option_name"] or b"").decode("utf-8", "replace"), row["option_value"] or b""
        template = options.template_of(name, value, self._nonce)
        return {} if template == value else {"option_value": template}

    def _post(self, row: Cells) -> Mapping[str, bytes | None]:
        author = str(self._admin.number).encode("ascii")
        is_order = (row["post_type"] or b"").decode("utf-8", "replace") in tables.CUSTOMER_POSTS
        found: dict[str, bytes | None] = {}
        if row["post_author"] != author and not is_order:
            found["post_author"] = author
        if not self._keep_customers and row["comment_count"] != b"0":
            found["comment_count"] = b"0"
        return found

    def _post_meta(self, row: Cells) -> Mapping[str, bytes | None]:
        none = _NO_SALES.get(row["meta_key"] or b"")
        return {} if self._keep_customers or none is None or row["meta_value"] == none else {"meta_value": none}

    def _sales(self, row: Cells) -> Mapping[str, bytes | None]:
        if self._keep_customers:
            return {}
        return {column: b"0" for column in _NO_SALES_COLUMNS if row.get(column)}

    def _user(self, row: Cells) -> Mapping[str, bytes | None]:
        if row["ID"] != str(self._admin.number).encode("ascii"):
            return {"user_activation_key": b""} if row.get("user_activation_key") else {}
        return {
            # Clients log in with their e-mail address: where a login name is required, it is that address
            "user_login": self._login.encode("ascii") if self._by_email else self._filled("admin.email"),
            "user_nicename": self._login.encode("ascii"),
            "user_pass": self._filled("admin.password_hash"),
            "user_email": self._filled("admin.email"),
            "user_url": b"",
            "user_activation_key": b"",
            "display_name": self._filled("admin.first_name") + b" " + self._filled("admin.last_name"),
        }

    def _without_secrets(self, key: bytes, value: bytes) -> Mapping[str, bytes | None]:
        """Return the cell of user meta in which plug-ins store tokens and keys of other services, without these."""
        left = parts.taken_out(key.decode("utf-8", "replace"), value)[0]
        return {} if left is value else {"meta_value": left}

    def _user_meta(self, row: Cells) -> Mapping[str, bytes | None]:
        if row["user_id"] != str(self._admin.number).encode("ascii"):
            return self._without_secrets(row["meta_key"] or b"", row["meta_value"] or b"")
        values = {
            b"first_name": self._filled("admin.first_name"),
            b"last_name": self._filled("admin.last_name"),
            b"nickname": self._filled("admin.first_name"),
            b"description": b"",
            b"locale": b"",
        }
        template = values.get(row["meta_key"] or b"")
        if template is None:
            return self._without_secrets(row["meta_key"] or b"", row["meta_value"] or b"")
        return {} if template == row["meta_value"] else {"meta_value": template}


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
