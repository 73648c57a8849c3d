"""Lists the differences between PrestaShop's series, PHP apart (`php_versions`): one table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from controller.recipes.base import BCRYPT, MD5_COOKIE_KEY


@dataclass(frozen=True)
class Series:
    """One series of releases; `below` is the first version after it."""

    since: tuple[int, ...]
    below: tuple[int, ...]
    #: Folders of compiled code, whose environments (prod, dev) stay as empty folders.
    caches: tuple[str, ...]
    #: Folders that stay, but without their content.
    emptied: tuple[str, ...]
    #: Folders of compiled pages: they show where the shop stood when it ran.
    compiled: tuple[str, ...]
    #: Whether config/settings.inc.php is the configuration; app/config/parameters.php otherwise.
    defines: bool = False
    #: How the back office's passwords are hashed.
    password_format: str = BCRYPT
    #: Files at the root that developers' machines have as well, but without which this series does not start.
    needed: tuple[str, ...] = ()
    #: The page of the cart.
    cart: str = "/index.php?controller=cart&action=show"

    def has(self, version: tuple[int, ...]) -> bool:
        """Return whether `version` is of this series."""
        return self.since <= version < self.below


_EARLY_1_7: dict[str, Any] = {
    "caches": ("app/cache",),
    "emptied": ("app/logs", "app/sessions"),
    "compiled": ("app/cache/prod/smarty/compile", "app/cache/dev/smarty/compile"),
}
_SINCE_1_7_4: dict[str, Any] = {
    "caches": ("var/cache",),
    "emptied": ("var/logs", "var/sessions"),
    "compiled": ("var/cache/prod/smarty/compile", "var/cache/dev/smarty/compile"),
}
SERIES = (
    Series(
        (1, 6), (1, 7),
        caches=(), emptied=(), compiled=("cache/smarty/compile",), defines=True, password_format=MD5_COOKIE_KEY,
        cart="/index.php?controller=order",
    ),
    Series((1, 7), (1, 7, 4), **_EARLY_1_7),
    Series((1, 7, 4), (1, 8), **_SINCE_1_7_4),
    Series((8,), (9,), **_SINCE_1_7_4),
    Series((9,), (10,), needed=(".env", ".env.dist"), **_SINCE_1_7_4),
)  # fmt: skip
#: The message for any other version.
KNOWN = "1.6, 1.7, 8 and 9"


def series_of(version: str) -> Series | None:
    """Return the series of a version such as "8.2.1", None when this recipe was not proven with it."""
    try:
        numbers = tuple(int(part) for part in version.split("."))
    except ValueError:
        return None
    return next((series for series in SERIES if series.has(numbers)), None)
