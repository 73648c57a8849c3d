"""Visits that show a PrestaShop lives, made from what the template sells."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from controller.recipes.prestashop_database import Database, Product
from controller.recipes.prestashop_facts import Series
from shared.placeholders import token

#: Which format of a picture to ask for, best first.
_FORMATS = ("home_default", "home", "medium_default", "large_default")
_LINKS_ON = "1"
_PICTURE_TYPES = (".jpg", ".png", ".webp")


def checks_of(
    database: Database, root: Path, settings: Mapping[str, str], series: Series, nonce: str
) -> list[dict[str, Any]]:
    """Return the manifest's checks. Redirects on the shop's own host are followed by who runs them."""
    domain = token(nonce, "domain").decode("ascii")
    admin = token(nonce, "admin_folder").decode("ascii")
    checks: list[dict[str, Any]] = [
        {"name": "front", "path": "/", "status": [200], "contains": [domain], "content_type": "text/html"},
    ]
    product = database.product()
    if product is not None:
        checks += _product(product, database, root, settings)
    checks += [
        {
            "name": "cart",
            "path": series.cart,
            "status": [200],
            "content_type": "text/html",
        },
        {
            "name": "back_office_login",
            "path": f"/{admin}/index.php?controller=AdminLogin",
            "status": [200],
            "contains": ['type="password"'],
            "content_type": "text/html",
        },
        {"name": "missing", "path": "/there-is-no-such-page-here", "status": [404]},
    ]
    return checks


def _product(product: Product, database: Database, root: Path, settings: Mapping[str, str]) -> list[dict[str, Any]]:
    path = f"/index.php?controller=product&id_product={product.number}"
    found = [{"name": "product", "path": path, "status": [200], "content_type": "text/html"}]
    if product.image is None:
        return found
    number = str(product.image)
    folder = "img/p/" + "/".join(number)
    stored = next(
        (f"{folder}/{number}{kind}" for kind in _PICTURE_TYPES if (root / folder / (number + kind)).is_file()), None
    )
    if stored is None:
        return found
    image = {"name": "product_image", "path": "/" + stored, "status": [200], "content_type": "image/"}
    found.append(image)
    kinds = [kind for kind in _FORMATS if (root / folder / f"{number}-{kind}.jpg").is_file()]
    if settings.get("PS_REWRITING_SETTINGS") == _LINKS_ON and (root / ".htaccess").is_file():
        # Goes through the rules of .htaccess, which name the domain
        name = f"{number}-{kinds[0]}" if kinds else number
        pretty = f"/{name}/{product.link}.jpg"
        if kinds or stored.endswith(".jpg"):
            found.append({**image, "name": "product_image_by_name", "path": pretty})
    return found
