"""Lists the PHP versions for each release of PrestaShop, from what the releases require and where they break."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from controller.recipes.base import PhpNeeds
from controller.recipes.tree import template_files

_OLD = ("curl", "dom", "gd", "json", "mbstring", "openssl", "pdo_mysql", "simplexml", "zip")
_SYMFONY = ("curl", "dom", "fileinfo", "gd", "intl", "json", "mbstring", "openssl", "pdo_mysql", "simplexml", "zip")
#: Composer's loader checks this before it loads anything.
_CHECK = "vendor/composer/platform_check.php"
_CHECKED = re.compile(rb"PHP_VERSION_ID\s*>=\s*([0-9]{5,6})")


@dataclass(frozen=True)
class Release:
    """Releases from `since` to the next line's; `preferred` is the newest PHP they were made for."""

    since: tuple[int, ...]
    minimum: str
    preferred: str
    #: The newest version on which they are known to run, or at least do not certainly break.
    maximum: str
    extensions: tuple[str, ...] = _SYMFONY


RELEASES = (
    # `Validate::$field['validate']($value)`, which PHP 7 parses differently, is in all forms of the back office
    Release((1, 6), "5.4", "5.6", "5.6", _OLD),
    # On 7.1, `[]` on a string breaks every query (DbQuery, fixed
    # in 1.6.1.11), the back office's settings (HelperOptions, fixed in 1.6.1.14) and its list of modules
    # (AdminModulesController, fixed in 1.6.1.18)
    Release((1, 6, 1, 4), "5.4", "7.0", "7.0", _OLD),
    # Without mcrypt since 1.6.1.17; tried on 7.4, whose notices a live shop does not show
    Release((1, 6, 1, 18), "5.4", "7.1", "7.4", _OLD),
    # The back office of 1.7.0 is a blank page on 7.3
    Release((1, 7), "5.4", "7.1", "7.1"),
    # composer.json requires 5.6. Made for 7.2; 1.7.6.8 was tried on 7.4
    Release((1, 7, 4), "5.6", "7.2", "7.4"),
    # composer.json requires 7.1.3
    Release((1, 7, 7), "7.1.3", "7.3", "7.4"),
    Release((1, 7, 8), "7.1.3", "7.4", "7.4"),
    # composer.json requires 7.2.5. Made for 8.1; 8.2.1 was tried on 8.4
    Release((8,), "7.2.5", "8.1", "8.4"),
    Release((9,), "8.1", "8.4", "8.4"),
    Release((9, 1), "8.1", "8.5", "8.5"),
)


def release_of(version: str) -> Release:
    """Return the line of the table for a version such as "1.6.1.13"; there is one for every series the recipe knows."""
    numbers = _numbers(version)
    return next(release for release in reversed(RELEASES) if release.since <= numbers)


def php_of(root: Path, version: str, modules: Iterable[str]) -> PhpNeeds:
    """Return the PHP that the shop at `root` needs: the minimum comes from its libraries and `modules` (names).

    A module that requires more than the release runs on is not loaded there, and does not count.
    """
    release = release_of(version)
    folders = [root, *(root / "modules" / name for name in sorted(modules))]
    asked = [one for one in map(asked_in, folders) if _numbers(one)[:2] <= _numbers(release.maximum)]
    minimum = max([release.minimum, *asked], key=_numbers)
    preferred = max([release.preferred, minimum], key=_numbers)
    needs_newest = _numbers(preferred) >= _numbers(release.maximum)
    return PhpNeeds(minimum, release.maximum, release.extensions, None if needs_newest else preferred)


def asked_in(folder: Path) -> str:
    """Return the PHP below which the libraries in `folder` stop every page, "0" when they require none."""
    content = b""
    with contextlib.suppress(OSError):
        content = template_files.read(folder / _CHECK)
    found = _CHECKED.search(content)
    number = int(found.group(1)) if found else 0
    parts = [number // 10000, number // 100 % 100, number % 100]
    return ".".join(str(part) for part in (parts if parts[2] else parts[:2])) if number else "0"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
