"""Finds active programs that load a file the tree lacks: every page that runs them ends with an error."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from controller.recipes.tree import template_files

_HEAD_BYTES = 256 * 1024
#: Loaded in any case: at the beginning of a line, without a condition.
_LOADED = re.compile(
    rb"^(?:require|require_once)\b[ \t]*+(?:\([ \t]*+)?+"
    rb"(?P<base>__DIR__|dirname\([ \t]*__FILE__[ \t]*\)|plugin_dir_path\([ \t]*__FILE__[ \t]*\)"
    rb"|get_stylesheet_directory\([ \t]*\))[ \t]*\.[ \t]*"
    rb"(?:'(?P<single>[^'\\\r\n]+)'|\"(?P<double>[^\"\\$\r\n]+)\")[ \t]*+(?:\)[ \t]*+)?+;",
    re.MULTILINE,
)
#: Composer's own, where it is there; most ask for it before.
_AUTOLOADER = re.compile(
    rb"^[ \t]*+(?:require|include)(?:_once)?\b[^;'\"\r\n]{0,80}?\b(?:__DIR__|__FILE__)\b[^;'\"\r\n]{0,20}?"
    rb"['\"]/?vendor/autoload\.php['\"]",
    re.MULTILINE,
)
_LIBRARIES = "/vendor/autoload.php"
_AUTOLOADED = "vendor/composer/autoload_files.php"
#: Files of functions, which it loads before any class is asked for.
_AT_ONCE = re.compile(rb"\$(?P<base>vendorDir|baseDir)[ \t]*\.[ \t]*'/(?P<name>[^'\\\r\n]+)'[ \t]*,")
_SHOWN = 3


def sentences(root: Path, programs: Iterable[str], left_out: Callable[[bytes, bool], str | None]) -> list[str]:
    """Return a sentence for each of `programs` (paths below `root`) that loads a file which will be missing."""
    found = []
    for program in sorted(set(programs)):
        missing = [path for path in _loaded(root, program) if not _is_there(root, path, left_out)]
        if missing:
            listed = ", ".join(missing[:_SHOWN]) + (" …" if len(missing) > _SHOWN else "")
            found.append(
                f"{program} loads {listed}, which is missing: its pages, and those that load it, end with an error"
            )
    return found


def _loaded(root: Path, program: str) -> list[str]:
    """Return the files, below the root, that a program loads in any case."""
    try:
        source = template_files.head(root / program, _HEAD_BYTES)
    except OSError:
        return []
    folder = program.rpartition("/")[0]
    names = [
        (one.group("single") or one.group("double")).decode("utf-8", "replace") for one in _LOADED.finditer(source)
    ]
    if _AUTOLOADER.search(source):
        names += _autoloaded(root / folder / _AUTOLOADED)
    # Files above its folder may belong to another program, except shared libraries
    own = [name for name in names if ".." not in name or name.endswith(_LIBRARIES)]
    found = (posixpath.normpath(f"{folder}/{name.lstrip('/')}") for name in own)
    return [path for path in found if not path.startswith("../")]


def _autoloaded(listing: Path) -> list[str]:
    """Return the files, below the program's folder, that Composer's autoloader loads at once."""
    try:
        source = template_files.head(listing, _HEAD_BYTES)
    except OSError:
        return []
    return [
        ("vendor/" if one.group("base") == b"vendorDir" else "") + one.group("name").decode("utf-8", "replace")
        for one in _AT_ONCE.finditer(source)
    ]


def _is_there(root: Path, path: str, left_out: Callable[[bytes, bool], str | None]) -> bool:
    above = path.split("/")
    folders = ("/".join(above[:count]) for count in range(1, len(above)))
    if not (root / path).is_file():
        return False
    return not any(left_out(one.encode(), True) for one in folders) and not left_out(path.encode(), False)
