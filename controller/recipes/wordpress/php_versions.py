"""Determines the PHP versions for one site: those of its release, limited by its plug-ins and theme."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from controller.recipes.base import PhpNeeds
from controller.recipes.tree import template_files
from controller.recipes.wordpress import facts

_EXTENSIONS = ("curl", "dom", "fileinfo", "gd", "json", "mbstring", "mysqli", "openssl", "zip")
_PLUGINS, _THEMES, _ALWAYS = "wp-content/plugins", "wp-content/themes", "wp-content/mu-plugins"
_ACTIVE = re.compile(rb'i:[0-9]+;s:[0-9]+:"([^"]+\.php)";')
#: The bytes WordPress itself reads of a plug-in's or theme's header (get_file_data).
_HEAD_BYTES = 8192
_ASKED = re.compile(
    rb"^[ \t/*#@]*Requires PHP:[ \t]*([5-9](?:\.[0-9]{1,2}){1,2})[ \t]*(?:\*/.*)?$", re.MULTILINE | re.I
)
_COMPOSER = re.compile(rb"PHP_VERSION_ID >= ([5-9][0-9]{4})\b")
#: The last PHP with the functions that plug-ins from before 2018 call.
_BEFORE_8 = "7.4"
_GONE_IN_8 = re.compile(
    rb"(?<![\w$>:\\])(?<!function )create_function\s*+\(|\blist\s*\([^()]*\)\s*=\s*@?each\s*\("
    # A string offset in braces: PHP 8 cannot parse the whole file
    rb"|[$>]\w++(?:\[[^\][\n]*+\])*+\{\s*+(?:[$0-9-]|[a-z_]+\s*\()"
)
#: Most files have none of these and are not searched further; the pattern for a brace begins with one for speed.
_MARKS = (b"create_function", b" each", b"=each", b"@each")
_BRACE = re.compile(rb"\{(?<=[\w\]]\{)\s*+[$0-9a-z-]")
_ASKS_FIRST = re.compile(
    rb"\bPHP_VERSION\b|\bphpversion\s*\(|function_exists\(\s*['\"]create_function|function\s+create_function",
    re.IGNORECASE,
)
#: Text outside of PHP, comments and strings: they call nothing.
_NO_CODE = re.compile(
    rb"\?>.*?(?:<\?(?:php\b|=)|\Z)|/\*.*?(?:\*/|\Z)|(?://|\#(?!\[))(?:(?!\?>)[^\n])*"
    rb"|'(?:[^'\\]|\\.)*+'|\"(?:[^\"\\]|\\.)*+\"",
    re.DOTALL | re.IGNORECASE,
)


@dataclass(frozen=True)
class Php:
    """The PHP one site needs, and the files (below its root) that keep it from PHP 8."""

    needs: PhpNeeds
    outdated: Sequence[bytes] = ()


def needs_of(root: Path, options: Mapping[str, bytes]) -> Php:
    """Return the PHP of the site at `root`, whose release the recipe knows."""
    series = facts.series_of(facts.find_version(root) or "")
    if series is None:
        raise ValueError(f"{root}: the release is to be judged first")
    plugins, themes = active_plugins(root, options), themes_of(root, options)
    asked = [*map(_asked_by_plugin, plugins), *(_asked_in(theme / "style.css") for theme in themes)]
    minimum = max([facts.least_php(root, series), *filter(None, asked)], key=_numbers)
    maximum, outdated = series.maximum, list[bytes]()
    if _numbers(minimum) < (8,) <= _numbers(maximum):
        outdated = sorted({bytes(one.relative_to(root)) for one in _outdated(root, plugins, themes)})
        maximum = _BEFORE_8 if outdated else maximum
    # The PHP it requires takes precedence over the PHP its release was tried with
    maximum = max(maximum, ".".join(minimum.split(".")[:2]), key=_numbers)
    known = _numbers(minimum)[:2] <= _numbers(series.preferred) < _numbers(maximum)
    return Php(PhpNeeds(minimum, maximum, _EXTENSIONS, series.preferred if known else None), outdated)


def active_plugins(root: Path, options: Mapping[str, bytes]) -> list[Path]:
    """Return the existing main files of the active plug-ins."""
    names = [name.decode("utf-8", "replace") for name in _ACTIVE.findall(options.get("active_plugins", b""))]
    found = [root / _PLUGINS / name for name in names if ".." not in name and not name.startswith("/")]
    return [path for path in found if path.is_file()]


def themes_of(root: Path, options: Mapping[str, bytes]) -> list[Path]:
    """Return the folders of the active theme and of its parent theme."""
    names = {options.get(name, b"").decode("utf-8", "replace") for name in ("template", "stylesheet")}
    return [root / _THEMES / name for name in sorted(names) if name and "/" not in name and name not in (".", "..")]


def _asked_by_plugin(main: Path) -> str | None:
    """Return the PHP a plug-in requires, None if it states none."""
    found = [_asked_in(main)]
    if main.parent.name != "plugins":
        composer = _COMPOSER.search(_head(main.parent / "vendor" / "composer" / "platform_check.php"))
        number = int(composer.group(1)) if composer else 0
        found += [
            _asked_in(main.parent / "readme.txt"),
            f"{number // 10000}.{number // 100 % 100}.{number % 100}" if number else None,
        ]
    return max(filter(None, found), key=_numbers, default=None)


def _asked_in(path: Path) -> str | None:
    found = _ASKED.search(_head(path).replace(b"\r", b"\n"))
    return found.group(1).decode("ascii") if found else None


def _head(path: Path) -> bytes:
    return template_files.head(path, _HEAD_BYTES) if path.is_file() else b""


def _outdated(root: Path, plugins: Sequence[Path], themes: Sequence[Path]) -> Iterator[Path]:
    """Yield the files of active code that call functions missing in PHP 8."""
    folders = {main.parent for main in plugins if main.parent != root / _PLUGINS}
    single = [main for main in plugins if main.parent == root / _PLUGINS]
    for path in [*single, *(one for folder in [*folders, *themes, root / _ALWAYS] for one in folder.rglob("*.php"))]:
        if path.is_file() and is_outdated(template_files.read(path)):
            yield path


def is_outdated(source: bytes) -> bool:
    """Return whether PHP source calls functions missing in PHP 8, without testing for them first."""
    if not any(mark in source for mark in _MARKS) and not _BRACE.search(source):
        return False
    if not _GONE_IN_8.search(source) or _ASKS_FIRST.search(source):
        return False
    # A file begins outside of PHP
    return bool(_GONE_IN_8.search(_NO_CODE.sub(b" ' ", b"?>" + source)))


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
