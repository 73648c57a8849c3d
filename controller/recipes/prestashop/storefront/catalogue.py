"""Finds the parts of a PrestaShop's catalogue that visitors may see: products, categories, pages, pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from controller.recipes.prestashop.database.queries import Database, row_number

#: Number of entries to search for one with a picture.
MOST = 200
_ON = "1"


@dataclass(frozen=True)
class Product:
    """A product: its number, the name in its address, its pictures with the cover first."""

    number: int
    link: str
    images: tuple[int, ...]


@dataclass(frozen=True)
class Category:
    """A category: its number and the name in its address."""

    number: int
    link: str


class Catalogue:
    """Queries one template's catalogue. `settings` are its configuration."""

    def __init__(self, database: Database, settings: Mapping[str, str]) -> None:
        self._database = database
        self._shop = row_number(settings.get("PS_SHOP_DEFAULT", "")) or 1
        groups = settings.get("PS_GROUP_FEATURE_ACTIVE") == _ON
        self._visitors = (row_number(settings.get("PS_UNIDENTIFIED_GROUP", "")) or 1) if groups else None

    def products(self) -> list[Product]:
        """Return products that any visitor may see: those in most languages first, then the oldest."""
        if not self._has("product_lang"):
            return []
        shown = "p.active = 1" if not self._has("product_shop") else "s.active = 1"
        if "visibility" in self._database.columns("product"):
            shown += " AND p.visibility <> 'none'"
        if self._has("product_shop") and "visibility" in self._database.columns("product_shop"):
            shown += " AND s.visibility <> 'none'"
        rows = self._database.rows(
            f"SELECT p.id_product, MAX(l.link_rewrite) FROM {{product}} p {self._of_shop('product', 'p')}"
            " JOIN {product_lang} l ON l.id_product = p.id_product"
            f" WHERE {shown}{self._open_to_visitors('product')} GROUP BY p.id_product"
            f" ORDER BY COUNT(DISTINCT l.id_lang) DESC, p.id_product LIMIT {MOST}"
        )
        images = self._images([number for number, _link in rows])
        return [Product(int(number), link, tuple(images.get(number, ()))) for number, link in rows]

    def pictured(self) -> list[Product]:
        """Return products with pictures, also hidden ones: their pictures are served all the same."""
        if not self._has("image"):
            return []
        rows = self._database.rows(f"SELECT DISTINCT id_product FROM {{image}} ORDER BY id_product LIMIT {MOST}")
        images = self._images([row[0] for row in rows])
        return [Product(int(number), "", tuple(found)) for number, found in images.items()]

    def categories(self) -> list[Category]:
        """Return categories below the home page's that any visitor may see, in their order."""
        if not self._has("category", "category_lang"):
            return []
        rows = self._database.rows(
            f"SELECT p.id_category, MAX(l.link_rewrite) FROM {{category}} p {self._of_shop('category', 'p')}"
            " JOIN {category_lang} l ON l.id_category = p.id_category"
            f" WHERE p.active = 1 AND p.level_depth > 1{self._open_to_visitors('category')} GROUP BY p.id_category"
            f" ORDER BY COUNT(DISTINCT l.id_lang) DESC, p.level_depth, p.id_category LIMIT {MOST}"
        )
        return [Category(int(number), link) for number, link in rows]

    def page(self) -> int | None:
        """Return the number of a content page (CMS), None without one."""
        if not self._has("cms", "cms_lang"):
            return None
        rows = self._database.rows(
            f"SELECT p.id_cms FROM {{cms}} p {self._of_shop('cms', 'p')} JOIN {{cms_lang}} l ON l.id_cms = p.id_cms"
            " WHERE p.active = 1 GROUP BY p.id_cms ORDER BY COUNT(DISTINCT l.id_lang) DESC, p.id_cms LIMIT 1"
        )
        return int(rows[0][0]) if rows else None

    def picture_types(self, kind: str) -> list[str]:
        """Return the names of the sizes for pictures of a `kind` (products, categories)."""
        if not self._has("image_type") or kind not in self._database.columns("image_type"):
            return []
        rows = self._database.rows(f"SELECT name FROM {{image_type}} WHERE `{kind}` = 1 ORDER BY id_image_type")
        return list(dict.fromkeys(row[0] for row in rows))

    def languages(self) -> list[str]:
        """Return the ISO codes of the active languages."""
        return self._database.languages()

    def _images(self, products: list[str]) -> dict[str, list[int]]:
        if not products or not self._has("image"):
            return {}
        rows = self._database.rows(
            f"SELECT id_product, id_image FROM {{image}} WHERE id_product IN ({', '.join(products)})"
            " ORDER BY id_product, COALESCE(cover, 0) DESC, position, id_image"
        )
        found: dict[str, list[int]] = {}
        for product, image in rows:
            found.setdefault(product, []).append(int(image))
        return found

    def _of_shop(self, what: str, alias: str) -> str:
        if not self._has(f"{what}_shop"):
            return ""
        return f"JOIN {{{what}_shop}} s ON s.id_{what} = {alias}.id_{what} AND s.id_shop = {self._shop}"

    def _open_to_visitors(self, what: str) -> str:
        """Return the condition that a visitor who is not logged in may see it."""
        if self._visitors is None or not self._has("category_group", "category_product"):
            return ""
        rights = f"SELECT 1 FROM {{category_group}} g WHERE g.id_group = {self._visitors} AND g.id_category ="
        if what == "category":
            return f" AND EXISTS ({rights} p.id_category)"
        within = "SELECT c.id_category FROM {category_product} c WHERE c.id_product = p.id_product"
        return f" AND EXISTS ({rights[:-1]}IN ({within}))"

    def _has(self, *tables: str) -> bool:
        return set(tables) <= set(self._database.tables)
