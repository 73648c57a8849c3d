"""Visits that show a WordPress lives, made from what it publishes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from controller.recipes.wordpress_database import Database, Page
from shared.placeholders import token

#: Kind of post -> how WordPress finds one by its number; with rules for addresses it leads on to its own.
_BY_NUMBER = {"post": "/?p={}", "page": "/?page_id={}", "product": "/?post_type=product&p={}"}
_UPLOADS = "wp-content/uploads"
_HTML = "text/html"


def checks_of(database: Database, root: Path, nonce: str) -> Sequence[dict[str, Any]]:
    """Return the manifest's checks. Redirects on the site's own host are followed by who runs them."""
    domain = token(nonce, "domain").decode("ascii")
    checks: list[dict[str, Any]] = [
        {"name": "front", "path": "/", "status": [200], "contains": [domain], "content_type": _HTML},
        *(_page(page) for page in database.pages()),
    ]
    stored = next((name for name in database.uploads() if (root / _UPLOADS / name).is_file()), None)
    if stored is not None:
        path = f"/{_UPLOADS}/{stored}"
        checks.append({"name": "picture", "path": path, "status": [200], "content_type": "image/"})
    login = {"name": "login", "path": "/wp-login.php", "status": [200], "contains": ['type="password"']}
    missing = {"name": "missing", "path": "/there-is-no-such-page-here", "status": [404]}
    return [*checks, {**login, "content_type": _HTML}, missing]


def _page(page: Page) -> dict[str, Any]:
    path = _BY_NUMBER[page.kind].format(page.number)
    return {"name": page.kind, "path": path, "status": [200], "content_type": _HTML}
