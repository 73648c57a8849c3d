"""Makes the HTTP checks of a PrestaShop: one for each promise, from what the template shows to visitors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from controller.recipes.http_check import http_check
from controller.recipes.php.page_errors import PHP_ERRORS, RULES
from controller.recipes.prestashop.database.queries import Database
from controller.recipes.prestashop.facts import Series
from controller.recipes.prestashop.storefront.catalogue import Catalogue
from controller.recipes.prestashop.storefront.pictures import Picture, Pictures
from shared.placeholders import token

if TYPE_CHECKING:
    from shared.documents import Check

_ON = "1"
_PAGE: Mapping[str, Any] = {"status": [200], "content_type": "text/html", "absent": list(PHP_ERRORS)}
#: Number of the front page's assets and links to request.
_ASSETS = {"img": 12, "link": 6, "script": 6, "a": 4}
#: Pages of the back office by a part of their menu links, in one series or another; all end as its frame does.
_OFFICE_PAGES = (
    {"name": "orders", "links": ["/sell/orders", "controller=AdminOrders"]},
    {"name": "products", "links": ["/sell/catalog/products", "/product/catalog", "controller=AdminProducts"]},
    {"name": "modules", "links": ["/modules/manage", "/module/manage", "controller=AdminModules&"]},
)
#: From the first of these to before the second its page of modules answers 500 when the marketplace is unreachable.
_NEEDS_MARKETPLACE = (1, 7), (1, 7, 3)
#: Minimum version -> a page of the back office's newer half; older versions have none.
_NEWER_PAGES = (((8,), "/sell/orders/"), ((1, 7), "/product/catalog"), ((1,), "?controller=AdminOrders"))


def checks_of(
    database: Database, root: Path, settings: Mapping[str, str], series: Series, nonce: str, version: str
) -> list[Check]:
    """Return the manifest's checks. The checker follows redirects on the shop's own host: a shop that requires a login
    for every page redirects to that page."""
    catalogue = Catalogue(database, settings)
    pictures = Pictures(root, catalogue, settings, version)
    assets = {kind: limit for kind, limit in _ASSETS.items() if kind != "img" or pictures.are_there()}
    hint = {"hint": RULES} if settings.get("PS_REWRITING_SETTINGS") == _ON else {}
    return [
        _page("front", "/", assets=assets, **hint),
        *_shown(catalogue),
        *(_picture(found) for found in [pictures.plain()] if found is not None),
        *(_picture(found, hint=RULES) for found in pictures.named()),
        # Without a cart, its page redirects or does not exist
        *([_page("cart", series.cart)] if settings.get("PS_CATALOG_MODE") != _ON else []),
        *_office(nonce, version),
        # Modules may redirect unknown addresses to the front page
        {
            "name": "missing", "path": "/there-is-no-such-page-here", "status": [404], "after_redirect": [200],
            "absent": list(PHP_ERRORS),
        },
    ]  # fmt: skip


def lacking(database: Database, root: Path, settings: Mapping[str, str], version: str) -> list[str]:
    """Return what no check can prove, as the tree does not have it, in sentences for the report."""
    return Pictures(root, Catalogue(database, settings), settings, version).lacking()


def _page(name: str, path: str, **more: object) -> Check:
    return http_check(name, path, **{**_PAGE, **more})


def _shown(catalogue: Catalogue) -> list[Check]:
    """Return checks of a product and a category, or of a content page when there is neither."""
    found = []
    if products := catalogue.products():
        best = next((product for product in products if product.images), products[0])
        found.append(_page("product", f"/index.php?controller=product&id_product={best.number}"))
    if categories := catalogue.categories():
        found.append(_page("category", f"/index.php?controller=category&id_category={categories[0].number}"))
    if not found and (page := catalogue.page()) is not None:
        found.append(_page("page", f"/index.php?controller=cms&id_cms={page}"))
    return found


def _picture(picture: Picture, **more: object) -> Check:
    kind = {"content_type": picture.content_type} if picture.content_type else {}
    return http_check(picture.of, picture.path, **{"status": [200], **kind, **more})


def _office(nonce: str, version: str) -> list[Check]:
    """Return checks of the back office: its login form, with pages behind it, and a page that redirects to the form.

    That page stands for the newer half of the back office, where there is one.
    """
    folder = token(nonce, "admin_folder").decode("ascii")
    form = {"contains": ['type="password"']}
    numbers = tuple(int(part) for part in version.split("."))
    left_out = "modules" if _NEEDS_MARKETPLACE[0] <= numbers < _NEEDS_MARKETPLACE[1] else ""
    inside = {
        "user": token(nonce, "admin.email").decode("ascii"),
        "pages": [page for page in _OFFICE_PAGES if page["name"] != left_out],
        "leave": ["logout"],
        "contains": ["</html>"],
        "absent": list(PHP_ERRORS),
    }
    page = next(path for since, path in _NEWER_PAGES if numbers >= since)
    return [
        _page("back_office_login", f"/{folder}/index.php?controller=AdminLogin", **form, sign_in=inside),
        _page("back_office_closed", f"/{folder}/index.php{page}", **form),
    ]
