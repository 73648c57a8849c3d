"""Makes the HTTP checks of a WordPress: one for each promise, from what it publishes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from controller.recipes.http_check import http_check
from controller.recipes.php.page_errors import PHP_ERRORS, RULES
from controller.recipes.wordpress import living
from controller.recipes.wordpress.database.queries import Database, Page
from controller.recipes.wordpress.plugins import Plugins
from shared.placeholders import token

if TYPE_CHECKING:
    from shared.documents import Check, SignIn

#: Kind of post -> WordPress's address by number; with rules for addresses it redirects to the post's own.
_BY_NUMBER = {"post": "/?p={}", "page": "/?page_id={}", "product": "/?post_type=product&p={}"}
#: Pages of a shop by the options that name them.
_SHOP_PAGES = {"shop": "woocommerce_shop_page_id", "cart": "woocommerce_cart_page_id"}
_UPLOADS = "wp-content/uploads"
#: WordPress's own picture, for a site that shows none.
_OWN_PICTURES = (
    "wp-includes/images/w-logo-blue.png",
    "wp-includes/images/blank.gif",
    "wp-admin/images/wordpress-logo.png",
)
_TYPED = (".jpg", ".jpeg", ".png", ".gif", ".svg")
_LARGEST = 4 * 1024 * 1024
#: Of a post's number: Python reads none of thousands.
_MOST_DIGITS = 19
#: WordPress's own error page has this in every language.
_ABSENT = (*PHP_ERRORS, '<body id="error-page">')
_ASSETS = {"img": 12, "link": 6, "script": 6, "a": 4}


def checks_of(database: Database, root: Path, options: Mapping[str, bytes], nonce: str) -> list[Check]:
    """Return the manifest's checks. The checker follows redirects on the site's own host: a site that requires a login
    for every page redirects to that page."""
    plugins = Plugins(root, {name: living.option(name, value) for name, value in options.items()})
    closed = plugins.closes
    kinds = [page for page in database.pages() if page.kind != "product" or plugins.has_shop]
    shop = {name: _number(options.get(option, b"")) for name, option in _SHOP_PAGES.items() if plugins.has_shop}
    published = database.published([number for number in shop.values() if number])
    hint = {"hint": RULES} if options.get("permalink_structure") else {}
    missing = {"status": [404, 200] if plugins.answers_anything else [404], "after_redirect": [200]}
    if closed:
        missing["status"] += [503]
    return [
        _page("front", "/", closed=closed, assets=dict(_ASSETS), **hint),
        *(
            _page(one.kind, _BY_NUMBER[one.kind].format(one.number), closed=closed, **hint)
            for one in _distinct(kinds, shop)
        ),
        *(_page(name, f"/?page_id={number}", closed=closed) for name, number in shop.items() if number in published),
        *_pictures(database, root),
        *_office(plugins, nonce),
        http_check("missing", "/there-is-no-such-page-here", **missing, absent=list(PHP_ERRORS)),
    ]


def _distinct(pages: Iterable[Page], shop: Mapping[str, int]) -> list[Page]:
    """Return the pages except those that are checked as the shop's own."""
    return [page for page in pages if page.number not in shop.values()]


def _page(name: str, path: str, *, closed: bool = False, **more: object) -> Check:
    # A plug-in that closes a site may say so on a page of WordPress's own
    texts = PHP_ERRORS if closed else _ABSENT
    status = [200, 503] if closed else [200]
    parts = {"status": status, "content_type": "text/html", "absent": list(texts), **more}
    return http_check(name, path, **parts)


def _pictures(database: Database, root: Path) -> list[Check]:
    """Return checks of an uploaded picture, or of one of WordPress's own, and of one whose name is not
    ASCII."""
    found = next((f"{_UPLOADS}/{name}" for name in database.uploads() if _is_picture(root / _UPLOADS / name)), None)
    found = found or next((name for name in _OWN_PICTURES if _is_picture(root / name)), None)
    odd = next((name for name in database.oddly_named() if _is_picture(root / _UPLOADS / name)), None)
    rows = [("picture", found), ("picture_of_any_script", odd and f"{_UPLOADS}/{odd}")]
    return [_picture(name, path) for name, path in rows if path]


def lacking(database: Database, root: Path, options: Mapping[str, bytes]) -> list[str]:
    """Return what no check can prove, as the tree does not have it, in sentences for the report."""
    is_moved = options.get("upload_path", b"").strip(b"/") not in (b"", _UPLOADS.encode())
    listed = [] if is_moved else database.uploads()
    there = sum(_is_picture(root / _UPLOADS / name) for name in listed)
    if 2 * there >= len(listed):
        return []
    said = f"of the first {len(listed)} pictures that the library lists, the tree has {there or 'none'}"
    return [f"{said}: pages of each site lack them, unless a server of others has them"]


def _picture(name: str, path: str) -> Check:
    kind = {"content_type": "image/"} if path.lower().endswith(_TYPED) else {}
    return http_check(name, "/" + quote(path), status=[200], **kind)


def _is_picture(path: Path) -> bool:
    try:
        return path.is_file() and 0 < path.stat().st_size <= _LARGEST
    except (OSError, ValueError):
        return False


def _office(plugins: Plugins, nonce: str) -> list[Check]:
    """Return checks of the login form, with pages behind it, or of what answers in place of a hidden one."""
    path = plugins.login()
    if path is None:
        return [http_check("office", "/wp-admin/admin-ajax.php", status=[400, 403, 200, 404], absent=list(_ABSENT))]
    form = _page("login", path, contains=['type="password"'])
    if plugins.guards_login:
        return [form]
    pages = {"dashboard": "/wp-admin/", "posts": "/wp-admin/edit.php", "settings": "/wp-admin/options-general.php"}
    if plugins.has_shop:
        pages["products"] = "/wp-admin/edit.php?post_type=product"
    inside: SignIn = {
        "user": token(nonce, "admin.email").decode("ascii"),
        "pages": [{"name": name, "path": path} for name, path in pages.items()],
        "leave": ["action=logout"],
        "contains": ["</html>"],
        "absent": list(_ABSENT),
    }
    return [{**form, "sign_in": inside}]


def _number(value: bytes) -> int:
    digits = value.strip()
    return int(digits) if digits.isdigit() and len(digits) <= _MOST_DIGITS else 0
