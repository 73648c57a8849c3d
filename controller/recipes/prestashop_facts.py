"""What differs between PrestaShop's series: one table."""

from __future__ import annotations

from dataclasses import dataclass

from controller.recipes.base import PhpNeeds

_EXTENSIONS = ("curl", "dom", "fileinfo", "gd", "intl", "json", "mbstring", "openssl", "pdo_mysql", "simplexml", "zip")


@dataclass(frozen=True)
class Series:
    """One series of releases; `below` is the first version that is not of it any more."""

    since: tuple[int, ...]
    below: tuple[int, ...]
    php: PhpNeeds
    #: Folders of compiled code, whose environments (prod, dev) stay as empty folders.
    caches: tuple[str, ...]
    #: Folders that stay without what they hold.
    emptied: tuple[str, ...]

    def has(self, version: tuple[int, ...]) -> bool:
        """Tell whether `version` is of this series."""
        return self.since <= version < self.below


SERIES = (
    Series((1, 7), (1, 7, 4), PhpNeeds("5.4", "7.1", _EXTENSIONS), ("app/cache",), ("app/logs", "app/sessions")),
    Series((1, 7, 4), (1, 7, 8), PhpNeeds("5.6", "7.4", _EXTENSIONS), ("var/cache",), ("var/logs", "var/sessions")),
    Series((1, 7, 8), (1, 8), PhpNeeds("7.1.3", "7.4", _EXTENSIONS), ("var/cache",), ("var/logs", "var/sessions")),
    # 8.2 says 7.2.5 to 8.1 and was proven on 8.4; older PHP is what most hosts still offer
    Series((8,), (9,), PhpNeeds("7.2.5", "8.4", _EXTENSIONS), ("var/cache",), ("var/logs", "var/sessions")),
)


def series_of(version: str) -> Series | None:
    """Return the series of a version such as "8.2.1", None when it is not one this recipe was proven with."""
    try:
        numbers = tuple(int(part) for part in version.split("."))
    except ValueError:
        return None
    return next((series for series in SERIES if series.has(numbers)), None)
