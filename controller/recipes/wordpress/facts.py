"""Lists the differences between WordPress's versions, and reads a tree's own version."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from controller.recipes.tree import template_files

VERSION_FILE = "wp-includes/version.php"
_VERSION = re.compile(rb"^[^\S\n]*+\$wp_version\s*=\s*'([0-9]{1,9}(?:\.[0-9]{1,9})*)(?:[-+][^']*)?'", re.MULTILINE)
_PHP = re.compile(rb"^[^\S\n]*+\$required_php_version\s*=\s*'([0-9.]+)'", re.MULTILINE)

_LEVEL = re.compile(rb"[0-9]{1,18}")
_DATABASE = re.compile(rb"^[^\S\n]*+\$wp_db_version\s*=\s*([0-9]{1,9})\s*;", re.MULTILINE)


@dataclass(frozen=True)
class Series:
    """One series of releases; `below` is the first version after it.

    `minimum` and `maximum` are its PHP versions, including those that the table of WordPress's own handbook calls
    "beta"; `preferred` is the newest without that word, which the handbook uses as long as many plug-ins are not ready
    (make.wordpress.org/core/handbook/references/php-compatibility-and-wordpress-versions).
    """

    since: tuple[int, ...]
    below: tuple[int, ...]
    minimum: str
    preferred: str
    maximum: str
    password_format: str


SERIES = (
    Series((4, 0), (4, 1), "5.2.4", "5.5", "5.5", "phpass"),
    Series((4, 1), (4, 4), "5.2.4", "5.6", "5.6", "phpass"),
    Series((4, 4), (4, 7), "5.2.4", "7.0", "7.0", "phpass"),
    Series((4, 7), (4, 9), "5.2.4", "7.1", "7.1", "phpass"),
    Series((4, 9), (5,), "5.2.4", "7.2", "7.2", "phpass"),
    Series((5,), (5, 2), "5.2.4", "7.3", "7.3", "phpass"),
    Series((5, 2), (5, 3), "5.6.20", "7.3", "7.3", "phpass"),
    Series((5, 3), (5, 6), "5.6.20", "7.4", "7.4", "phpass"),
    Series((5, 6), (5, 9), "5.6.20", "7.4", "8.0", "phpass"),
    Series((5, 9), (6, 1), "5.6.20", "7.4", "8.1", "phpass"),
    Series((6, 1), (6, 3), "5.6.20", "7.4", "8.2", "phpass"),
    Series((6, 3), (6, 4), "7.0.0", "8.1", "8.2", "phpass"),
    Series((6, 4), (6, 6), "7.0.0", "8.1", "8.3", "phpass"),
    Series((6, 6), (6, 7), "7.2.24", "8.2", "8.3", "phpass"),
    Series((6, 7), (6, 8), "7.2.24", "8.2", "8.4", "phpass"),
    # Proven with 6.8.12 of Debian 13
    Series((6, 8), (6, 9), "7.2.24", "8.3", "8.4", "wordpress"),
    Series((6, 9), (7,), "7.2.24", "8.3", "8.5", "wordpress"),
    Series((7,), (7, 1), "7.4", "8.3", "8.5", "wordpress"),
)
#: The message for any other version.
KNOWN = "4.0 to 7.0"


def find_version(root: Path) -> str | None:
    """Return the version in the tree's own code, without suffixes of a distribution or a beta; else None."""
    found = _VERSION.search(template_files.read(root / VERSION_FILE))
    return found.group(1).decode("ascii") if found else None


def series_of(version: str) -> Series | None:
    """Return the series of a version such as "6.8.1", None when this recipe does not know it."""
    numbers = _numbers(version)
    return next((series for series in SERIES if series.since <= numbers < series.below), None)


def signs_in_by_email(version: str) -> bool:
    """Return whether users of that version can log in with their e-mail address: clients get no other login name."""
    return _numbers(version) >= (4, 5)


def least_php(root: Path, series: Series) -> str:
    """Return the oldest PHP that this tree's own code states; that of its series if it states none."""
    found = _PHP.search(template_files.read(root / VERSION_FILE))
    return found.group(1).decode("ascii") if found else series.minimum


def older_database(root: Path, options: Mapping[str, bytes]) -> list[str]:
    """Return a sentence where the database is older than the tree: WordPress lets nobody work before its update."""
    found = _DATABASE.search(template_files.read(root / VERSION_FILE))
    level = options.get("db_version", b"")
    if found is None or not _LEVEL.fullmatch(level) or int(level) >= int(found.group(1)):
        return []
    levels = f"db_version {int(level)}, {VERSION_FILE} {int(found.group(1))}"
    advice = "sign in to the template, let WordPress update it, and dump it again"
    return [f"the database is older than the files ({levels}): the back office first asks for its update; {advice}"]


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
