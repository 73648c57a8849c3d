"""What differs between WordPress's versions: one table, and what a tree says of itself."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from controller.recipes.base import PhpNeeds

VERSION_FILE = "wp-includes/version.php"
_EXTENSIONS = ("curl", "dom", "fileinfo", "gd", "json", "mbstring", "mysqli", "openssl", "zip")
_VERSION = re.compile(rb"^\s*\$wp_version\s*=\s*'([0-9]+(?:\.[0-9]+)*)(?:[-+][^']*)?'", re.MULTILINE)
_PHP = re.compile(rb"^\s*\$required_php_version\s*=\s*'([0-9.]+)'", re.MULTILINE)


@dataclass(frozen=True)
class Series:
    """One series of releases; `below` is the first version that is not of it any more.

    `maximum` is the newest PHP it is meant for (make.wordpress.org/core/handbook/references, "PHP compatibility").
    """

    since: tuple[int, ...]
    below: tuple[int, ...]
    minimum: str
    maximum: str
    password_format: str


SERIES = (
    Series((6, 1), (6, 3), "5.6.20", "8.2", "phpass"),
    Series((6, 3), (6, 4), "7.0.0", "8.2", "phpass"),
    Series((6, 4), (6, 7), "7.0.0", "8.3", "phpass"),
    Series((6, 7), (6, 8), "7.2.24", "8.4", "phpass"),
    # Proven with 6.8.12 of Debian 13
    Series((6, 8), (7,), "7.2.24", "8.4", "wordpress"),
)
KNOWN = "6.1 to 6.9"


def find_version(root: Path) -> str | None:
    """Return the version the tree's own code says it has, without what a distribution or a beta adds; else None."""
    found = _VERSION.search((root / VERSION_FILE).read_bytes())
    return found.group(1).decode("ascii") if found else None


def series_of(version: str) -> Series | None:
    """Return the series of a version such as "6.8.1", None when it is none this recipe knows."""
    numbers = tuple(int(part) for part in version.split("."))
    return next((series for series in SERIES if series.since <= numbers < series.below), None)


def php_of(root: Path, series: Series) -> PhpNeeds:
    """Return the PHP this tree needs: the least is what its own code asks for."""
    found = _PHP.search((root / VERSION_FILE).read_bytes())
    minimum = found.group(1).decode("ascii") if found else series.minimum
    return PhpNeeds(minimum, series.maximum, _EXTENSIONS)
