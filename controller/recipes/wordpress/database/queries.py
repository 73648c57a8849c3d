"""Reads from a WordPress database what the recipe needs: address, administrator, options, pages to check."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from controller.recipes.base import TemplateDatabase
from controller.recipes.customers.people import Known, Own, Search, unprefixed
from controller.recipes.foreign_tables import foreign_tables
from controller.recipes.location import hosts
from controller.recipes.location.paths import absolute, is_weak
from controller.recipes.own_tables import Administrator, OwnTables
from shared.errors import ShoplaunchError

#: WordPress finds posts by ASCII names: names in other scripts are percent-encoded, except those of the pages that
#: its own installer makes in such a language. Pages below such a page are not found either.
_FOUND = "HEX(post_name) NOT REGEXP '^(..)*[89A-F]' AND (post_type <> 'page' OR post_parent = 0)"
_ADMINISTRATOR = '"administrator";b:1;'
#: Columns with addresses of customers and visitors: (table, column, condition).
_EMAILS = (
    ("users", "user_email", " WHERE ID <> {0}"),
    ("postmeta", "meta_value", " WHERE meta_key = '_billing_email'"),
    ("comments", "comment_author_email", " WHERE user_id <> {0}"),
    ("wc_customer_lookup", "email", " WHERE COALESCE(user_id, 0) <> {0}"),
    ("wc_orders", "billing_email", ""),
    ("wc_order_addresses", "email", ""),
)


@dataclass(frozen=True)
class Page:
    """A published post to check: its number and kind."""

    number: int
    kind: str


class Database(OwnTables):
    """Queries one template's database."""

    NEEDED = ("options", "users", "usermeta", "posts", "postmeta")

    def __init__(self, database: TemplateDatabase, prefix: str) -> None:
        #: Tables of another installation in the same database.
        self.foreign = foreign_tables(database.tables, prefix)
        super().__init__(database, prefix, self.foreign)
        #: Tables without the prefix: name -> columns and key.
        self.others = unprefixed(database.tables, prefix, self.foreign)
        if "blogs" in self.tables:
            raise ShoplaunchError("multisite", f"the database has the table {prefix}blogs")

    def people(self, own: Own, administrator: int) -> Search:
        """Return a search for people other than the owner, who is the user `administrator`."""
        emails = [
            f"SELECT `{column}` AS value FROM `{self.tables[table]}`{condition.format(administrator)}"
            for table, column, condition in _EMAILS
            if table in self.tables
        ]
        phones = ["SELECT phone AS value FROM {wc_order_addresses}"] if "wc_order_addresses" in self.tables else []
        phones.append("SELECT meta_value AS value FROM {postmeta} WHERE meta_key = '_billing_phone'")
        return Search(self.template, own, Known(tuple(emails), tuple(one.format_map(self.names) for one in phones)))

    def options(self) -> Mapping[str, bytes]:
        """Return name -> value."""
        rows = self.template.query(f"SELECT option_name, option_value FROM `{self.tables['options']}`")
        return {(row[0] or b"").decode("utf-8", "replace"): row[1] or b"" for row in rows}

    def charset(self) -> bytes:
        """Return the character set in which the site's texts are kept: that of the tables, or the newest."""
        rows = self.template.query(
            "SELECT CHARACTER_SET_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE()"
            " AND TABLE_NAME = %s AND COLUMN_NAME = 'option_value'",
            (self.tables["options"],),
        )
        named = (rows[0][0] or b"") if rows else b""
        # The server's other name for utf8; others were never written by an installer
        return b"utf8" if named in (b"utf8", b"utf8mb3") else b"utf8mb4"

    def administrator(self) -> Administrator:
        """Return the first user with the role administrator. Raises ShoplaunchError `admin_missing`."""
        rows = self.rows(
            "SELECT u.ID, u.user_email FROM {users} u JOIN {usermeta} m ON m.user_id = u.ID"
            f" WHERE m.meta_key = '{self.prefix}capabilities' AND INSTR(m.meta_value, '{_ADMINISTRATOR}') > 0"
            " ORDER BY u.ID LIMIT 1"
        )
        if not rows:
            raise ShoplaunchError("admin_missing", "no user has the role administrator")
        return Administrator(int(rows[0][0]), rows[0][1])

    def pages(self) -> list[Page]:
        """Return one published post of each kind that visitors see: the oldest product, post and page.

        Among products, one that the catalogue shows, if there is any.
        """
        shown = f"post_status = 'publish' AND post_password = '' AND {_FOUND}"
        rows = self.rows(
            f"SELECT MIN(ID), post_type FROM {{posts}} WHERE {shown} AND post_type IN ('post', 'page', 'product')"
            " GROUP BY post_type ORDER BY post_type"
        )
        found = {kind: int(number) for number, kind in rows}
        if "product" in found and {"terms", "term_taxonomy", "term_relationships"} <= set(self.tables):
            listed = self.rows(
                f"SELECT MIN(ID) FROM {{posts}} WHERE {shown} AND post_type = 'product' AND ID NOT IN ("
                "SELECT r.object_id FROM {term_relationships} r JOIN {term_taxonomy} x USING (term_taxonomy_id)"
                " JOIN {terms} t USING (term_id) WHERE x.taxonomy = 'product_visibility'"
                " AND t.slug IN ('exclude-from-catalog', 'exclude-from-search'))"
            )
            found["product"] = int(listed[0][0] or found["product"])
        return [Page(number, kind) for kind, number in found.items()]

    def published(self, numbers: Sequence[int]) -> frozenset[int]:
        """Return those of `numbers` that are published pages any visitor may read."""
        if not numbers:
            return frozenset()
        rows = self.rows(
            f"SELECT ID FROM {{posts}} WHERE ID IN ({', '.join(str(number) for number in numbers)})"
            " AND post_type = 'page' AND post_status = 'publish' AND post_password = ''"
        )
        return frozenset(int(row[0]) for row in rows)

    def uploads(self) -> list[str]:
        """Return the files of the first attachments that are pictures, below the folder of uploads."""
        return self._attached("")

    def oddly_named(self) -> list[str]:
        """Return the files of the first attached pictures whose names are not pure ASCII."""
        return self._attached(" AND CHAR_LENGTH(m.meta_value) <> LENGTH(m.meta_value)")

    def download_roots(self) -> list[str]:
        """Return the document roots that WooCommerce recorded with the folders for customers' downloads."""
        if "wc_product_download_directories" not in self.tables:
            return []
        rows = self.rows("SELECT url FROM {wc_product_download_directories} WHERE url LIKE 'file://%' LIMIT 20")
        named = (row[0].removeprefix("file://").partition("/wp-content/") for row in rows)
        roots = (absolute(above.lstrip("/") if above[2:3] == ":" else above) for above, mark, _ in named if mark)
        return list(dict.fromkeys(root for root in roots if root and not is_weak(root)))

    def recorded_paths(self) -> list[bytes]:
        """Return the cells in which Yoast recorded the paths of pages' pictures."""
        if "yoast_indexable" not in self.tables:
            return []
        rows = self.rows(
            "SELECT open_graph_image_meta FROM {yoast_indexable} WHERE open_graph_image_meta <> '' LIMIT 50"
        )
        return [row[0].encode("utf-8") for row in rows]

    def _attached(self, condition: str) -> list[str]:
        rows = self.rows(
            "SELECT m.meta_value FROM {posts} p JOIN {postmeta} m ON m.post_id = p.ID"
            " WHERE p.post_type = 'attachment' AND LEFT(p.post_mime_type, 6) = 'image/'"
            f" AND m.meta_key = '_wp_attached_file'{condition} ORDER BY p.ID LIMIT 20"
        )
        return [row[0] for row in rows]


def address(options: Mapping[str, bytes], overridden: Mapping[str, str]) -> tuple[str, str]:
    """Return (host, folder with a slash before it or "") of the site.

    `overridden` are the addresses in wp-config.php, which take precedence over the options.
    Raises ShoplaunchError `domain_unknown`, `several_domains`.
    """
    addresses = {
        name: overridden.get(constant) or options.get(name, b"").decode("utf-8", "replace")
        for name, constant in (("siteurl", "WP_SITEURL"), ("home", "WP_HOME"))
    }
    found = {}
    for name, url in addresses.items():
        parts = urlsplit(url.strip())
        if not parts.hostname:
            raise ShoplaunchError("domain_unknown", f"{name} names no address: {url[:80]!r}")
        found[name] = (hosts.plain(parts.netloc.rpartition("@")[2]), parts.path.rstrip("/"))
    bare = {host.removeprefix("www.") for host, _ in found.values()}
    if len(bare) > 1 or len({folder for _, folder in found.values()}) > 1:
        raise ShoplaunchError("several_domains", f"siteurl is {addresses['siteurl']}, home is {addresses['home']}")
    return found["home"]


def former_addresses(options: Mapping[str, bytes], host: str, folder: str) -> list[tuple[str, str]]:
    """Return (host, folder) of the addresses in the options that wp-config.php overrides: where the site was before.

    Of a name that every machine has, only a port or a folder makes an address of the site.
    """
    found: dict[tuple[str, str], None] = {}
    for name in ("siteurl", "home"):
        parts = urlsplit(options.get(name, b"").decode("utf-8", "replace").strip())
        if parts.hostname:
            named = hosts.plain(parts.netloc.rpartition("@")[2])
            if hosts.split(named)[1] or parts.path.strip("/") or not hosts.is_weak(named):
                found[named, parts.path.rstrip("/")] = None
    return [one for one in found if one != (host, folder)]
