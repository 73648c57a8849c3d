"""Changes a PrestaShop's development settings to those of a live shop, with a sentence about each change."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from controller.recipes.php.definitions import Definition, definitions, redefined
from controller.recipes.php.shown_errors import without_shown_errors
from controller.recipes.tree import template_files

#: (place of the setting, sentence about the change)
Adjustment = tuple[str, str]

#: Files that define how the shop runs, at least if somebody put a definition there.
DEFINES = (
    b"config/defines.inc.php", b"config/defines_custom.inc.php", b"config/config.inc.php", b"config/bootstrap.php",
    b"index.php",
)  # fmt: skip
_OFF = {
    "_PS_MODE_DEV_": "debug mode is off: pages of a living shop show no errors and are not compiled anew",
    "_PS_DEBUG_PROFILING_": "no page shows how long it took",
    "_PS_DISPLAY_COMPATIBILITY_WARNING_": "no page shows warnings of what will change",
    "_PS_MODE_DEMO_": "demonstration mode is off: the back office saves what is changed",
    "_PS_DEBUG_SQL_": "no page shows what a query failed with",
}
_SHOWN_ERRORS = "pages show no errors"
#: Code in the braces of such a condition may show errors.
_FOR_DEBUGGING = re.compile(rb"\bif\s*\([^(){}]*(?<!!)\b_PS_MODE_DEV_\b[^(){}]*\)\s*\{(?:[^{}]++|\{[^{}]*\})*+\Z")
_IS_OFF = (False, 0, b"", b"0")

#: Setting -> (values of a developer's machine, value of a live shop, sentence). Caches of style sheets and scripts,
#: switched-off modules and overrides stay as they are: themes break when the first are changed, and the others
#: belong to the owner's configuration.
SETTINGS: Mapping[str, tuple[Sequence[bytes], bytes, str]] = {
    "PS_SMARTY_FORCE_COMPILE": ((b"2",), b"0", "templates are no longer compiled anew at every visit"),
    "PS_SMARTY_CACHE": ((b"", b"0"), b"1", "the cache of templates is on"),
    "PS_SMARTY_CONSOLE": ((b"1", b"2"), b"0", "the console of templates is off"),
    "PS_MAIL_METHOD": ((b"2", b"3"), b"1", "mail goes through PHP: the password of the server it had does not travel"),
    "PS_SHOP_ENABLE": ((b"", b"0"), b"1", "the shop is open: it was closed for maintenance"),
}
_MAIL_NEVER = "mail is sent, through PHP: the template sent none"
#: Parameter -> (value of a live shop, sentence). The developers' toolbar (`use_debug_toolbar`) is on in the releases
#: themselves, and shows in debug mode only.
PARAMETERS: Mapping[str, tuple[Any, str]] = {
    "ps_cache_enable": (False, "no cache server is used: a new account has none"),
}
CACHE_CONSTANT = "_PS_CACHE_ENABLED_"
#: Constants that are off in a live shop, in any file.
SWITCHES = tuple(_OFF)
#: Files with environment variables.
ENVIRONMENTS = (b".env", b".env.dist")
_LINE = re.compile(rb"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=(.*)", re.DOTALL)
_RELEASES_OWN = re.compile(r"PS_FF_\w+|PS_CONTAINER_V2_FRONT")
_SET = {"APP_ENV": b"prod", "APP_DEBUG": b"0", "PS_TRUSTED_PROXIES": b""}


def setting(name: str, value: bytes) -> bytes:
    """Return a setting's value for a live shop."""
    unwanted, wanted, _ = SETTINGS.get(name, ((), value, ""))
    return wanted if value in unwanted else value


def file(path: bytes, content: bytes) -> bytes | None:
    """Return a file that configures how the shop runs, changed for a live shop; None if nothing changes."""
    if path in DEFINES:
        plain = redefined(content, path.decode(), lambda one: _switched_off(one, content))
        plain = without_shown_errors(plain, partial(_is_for_debugging, plain))
    elif path in ENVIRONMENTS:
        plain = b"".join(line for _, line in _environment(content))
    else:
        return None
    return None if plain == content else plain


def adjustments(root: Path, settings: Mapping[str, str | None], values: Mapping[str, object]) -> list[Adjustment]:
    """Return the changed settings of the shop at `root`; `values` are those of its configuration."""
    found = [*_of_files(root), *_of_settings(settings)]
    for name, (wanted, what) in PARAMETERS.items():
        if name in values and values[name] != wanted:
            found.append((f"parameter {name}", what))
    found += [(name, what) for name, what in _OFF.items() if values.get(name, False) not in _IS_OFF]
    if values.get(CACHE_CONSTANT) not in (None, *_IS_OFF):
        found.append((CACHE_CONSTANT, PARAMETERS["ps_cache_enable"][1]))
    return found


def _of_settings(settings: Mapping[str, str | None]) -> Iterator[Adjustment]:
    for name, (unwanted, _, what) in SETTINGS.items():
        value = (settings.get(name) or "").encode("utf-8")
        if name in settings and value in unwanted:
            yield f"setting {name}", _MAIL_NEVER if (name, value) == ("PS_MAIL_METHOD", b"3") else what


def _of_files(root: Path) -> Iterator[Adjustment]:
    for path in DEFINES:
        content = _content(root / path.decode())
        found = (one.name for one in definitions(content, path.decode()) if _switched_off(one, content))
        for name in dict.fromkeys(found):
            yield f"{path.decode()} {name}", _OFF[name]
        if without_shown_errors(content, partial(_is_for_debugging, content)) != content:
            yield f"{path.decode()} ini_set", _SHOWN_ERRORS
    for path in ENVIRONMENTS:
        lines = _content(root / path.decode())
        gone = [name for name, line in _environment(lines) if name and not line]
        if gone:
            yield path.decode(), f"lines that a release does not have are left out: {', '.join(gone)}"


def _content(path: Path) -> bytes:
    try:
        return template_files.read(path)
    except OSError:
        # The packer reports every unreadable file
        return b""


def _switched_off(one: Definition, source: bytes) -> bytes | None:
    is_on = one.name in _OFF and (one.value is None or one.value not in _IS_OFF)
    return b"false" if is_on and not _is_for_debugging(source, one.start) else None


def _is_for_debugging(source: bytes, place: int) -> bool:
    """Return whether the code at a position runs in debug mode only."""
    return bool(_FOR_DEBUGGING.search(source, 0, place))


def _environment(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield (name, replacement of the line): an empty line for a name that is not one of the releases' own."""
    for line in content.splitlines(keepends=True):
        found = _LINE.match(line)
        if found is None:
            yield "", line if not line.strip() or line.lstrip().startswith(b"#") else b""
            continue
        name = found.group(1).decode()
        if name in _SET:
            yield name, b"%b=%b\n" % (found.group(1), _SET[name])
        else:
            yield name, line if _RELEASES_OWN.fullmatch(name) else b""
