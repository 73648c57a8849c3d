"""Decides which of PrestaShop's files are left out of a bundle, and finds the back office."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import islice
from pathlib import Path

from controller.recipes.base import PackOptions
from controller.recipes.location import evidence, paths
from controller.recipes.prestashop.facts import Series
from controller.recipes.prestashop.files import listed_folders
from controller.recipes.tree import template_files, web_root
from controller.recipes.tree.web_root import WebRoot
from shared.errors import ShoplaunchError

#: Files that keep visitors out of a folder; they stay when a folder is emptied.
_GUARDS = (b"index.php", b".htaccess", b"CACHEDIR.TAG", b"web.config")
_ENVIRONMENTS = (b"prod", b"dev")
_EMPTIED = (
    "cache/smarty/compile", "cache/smarty/cache", "cache/cachefs", "cache/purifier", "cache/sandbox", "cache/tcpdf",
    "cache/push", "log", "img/tmp",
)  # fmt: skip
_EMPTIED_PATTERN = re.compile(rb"themes/[^/]+/(?:assets/)?cache")
_EMPTIED_IN_ADMIN = (b"backups", b"import", b"export", b"autoupgrade")
#: The back office in the source repository, and in a release's archive: no running shop uses these names.
_UNNAMED_OFFICES = ("admin-dev", "admin")
_OLD_CONFIGURATION = re.compile(
    rb"app/config/(?:old|copy|copia|bak)?[-_. ]?parameters[^/]*|config/[^/]*settings[^/]*", re.IGNORECASE
)
#: The configuration itself, and files of the releases.
_CONFIGURATION = (
    b"app/config/parameters.php", b"app/config/parameters.yml", b"app/config/parameters.yml.dist",
    b"config/settings.inc.php",
)  # fmt: skip
#: The sample of a configuration, and a sign that somebody wrote credentials into it.
_SAMPLE = b"app/config/parameters.yml.dist"
_FILLED = re.compile(
    rb"^[ \t]*(?:database|mailer)_password:[ \t]*+(?!(?:~|null|''|\"\")?[ \t]*(?:[\r\n#]|\Z))", re.MULTILINE
)
_MADE_ANEW = re.compile(
    # Folders of classes
    rb"cache/class_index\.php"
    # Lists downloaded from the maker
    rb"|config/xml/[^/]+\.xml"
)
#: Files that customers sent, under meaningless names: for products, and by the contact form, which names them by
#: `uniqid()` and the last five characters of its name.
_CUSTOMER_UPLOAD = re.compile(rb"upload/(?:[0-9a-f]{32,40}(?:_small)?|[0-9a-f]{13}[^/]{1,5})")
_TEMPLATE_NAME = re.compile(rb"from (['\"])((?:[A-Za-z]:)?[/\\][^'\"]+?)[/\\]+(?:themes|modules|admin[^/\\'\"]*)[/\\]")
#: The theme's record for each shop, with the theme's path.
_THEME_FOLDER = re.compile(r"(.+?)[\\/]+themes[\\/]+[^\\/]+[\\/]*")
_RECORD_BYTES = 1024 * 1024
_LOGS = ("error_log", "*/error_log", "var/logs/*.log", "app/logs/*.log", "log/*.log")
_LOOKED_AT_TEMPLATES = 40
_HEAD_BYTES = 4096


class TreeRules:
    """The rules for which entries of one template's tree are packed; `in_use` are folders named in its database."""

    def __init__(
        self, root: Path, series: Series, admin_folder: str, options: PackOptions, in_use: Iterable[str] = ()
    ) -> None:
        self._caches = tuple(folder.encode() for folder in series.caches)
        admin = admin_folder.encode()
        self._emptied = {folder.encode() for folder in (*_EMPTIED, *series.emptied)}
        self._emptied |= {admin + b"/" + folder for folder in _EMPTIED_IN_ADMIN}
        self._root, self._admin = root, admin
        self._keep_customers = options.keep_customers
        needed = {name.lower().encode() for name in (*series.needed, *in_use)}
        #: What keeps visitors out of folders that are made.
        self.guards: dict[bytes, bytes] = listed_folders.guards(root, in_use)
        self._web_root = WebRoot(root, options, {*needed, *_CONFIGURATION, admin.lower()}, self._own)

    def left_out(self, path: bytes, is_directory: bool) -> str | None:
        """Return why an entry, and all below it, is left out; None for one that is packed."""
        return self._web_root.left_out(path, is_directory)

    def _own(self, path: bytes, is_directory: bool) -> str | None:
        """Return PrestaShop's own reasons."""
        if _OLD_CONFIGURATION.fullmatch(path) and path not in _CONFIGURATION:
            return web_root.OLD_CONFIGURATION
        if not self._keep_customers and _CUSTOMER_UPLOAD.fullmatch(path):
            return web_root.CUSTOMERS
        if path == _SAMPLE and self._is_sample_filled:
            return web_root.OLD_CONFIGURATION
        if is_directory and b"/" not in path and path != self._admin and _is_office(self._root / os.fsdecode(path)):
            return web_root.OTHER_OFFICES
        if _MADE_ANEW.fullmatch(path) or self._is_emptied(path, is_directory):
            return web_root.CACHES
        return None

    @cached_property
    def _is_sample_filled(self) -> bool:
        with contextlib.suppress(OSError):
            return _FILLED.search(template_files.read(self._root / os.fsdecode(_SAMPLE))) is not None
        return False

    def _is_emptied(self, path: bytes, is_directory: bool) -> bool:
        parent, _, name = path.rpartition(b"/")
        for cache in self._caches:
            if parent == cache:
                return name not in (_ENVIRONMENTS if is_directory else _GUARDS)
            if path.startswith(cache + b"/"):
                return True
        if parent in self._emptied or _EMPTIED_PATTERN.fullmatch(parent):
            return is_directory or name not in _GUARDS
        return False


def find_admin_folder(root: Path, options: PackOptions) -> str:
    """Return the name of the back office's folder; of several the one that is packed and that the shop uses.

    Raises ShoplaunchError `admin_folder_unknown`, `tree_unreadable`.
    """
    found, closed = _offices(root)
    if len(found) > 1:
        rules = WebRoot(root, options)
        found = [name for name in found if rules.left_out(os.fsencode(name), True) is None] or found
    for name in _UNNAMED_OFFICES:
        found = [one for one in found if one != name] or found
    if len(found) == 1:
        return found[0]
    if closed and not found:
        raise ShoplaunchError("tree_unreadable", f"{', '.join(closed)}: {os.strerror(errno.EACCES)}")
    shown = ", ".join(found) or "none"
    raise ShoplaunchError("admin_folder_unknown", f"exactly one folder must be the back office; found: {shown}")


def _is_office(folder: Path) -> bool:
    # Unreadable folders are judged by their names
    marks = ("filemanager", "index.php", "get-file-admin.php")
    return os.access(folder, os.X_OK, effective_ids=True) and all((folder / name).exists() for name in marks)


def _offices(root: Path) -> tuple[list[str], list[str]]:
    """Return the folders that hold a back office, and those that cannot be read."""
    held: dict[str, set[str]] = {}
    closed = []
    for folder in sorted(root.iterdir()):
        if folder.is_dir() and not folder.is_symlink():
            try:
                held[folder.name] = {entry.name for entry in folder.iterdir()}
            except PermissionError:
                # It may be one that is never packed
                closed.append(folder.name)
    found = [name for name, names in held.items() if {"filemanager", "index.php"} <= names]
    return [name for name in found if "get-file-admin.php" in held[name]] or found, closed


def find_version(root: Path) -> str | None:
    """Return the shop's version from its own code, None without one."""
    places = (
        ("src/Core/Version.php", rb"const\s+VERSION\s*=\s*'([0-9.]+)'"),
        ("app/AppKernel.php", rb"const\s+VERSION\s*=\s*'([0-9.]+)'"),
        ("config/autoload.php", rb"define\(\s*'_PS_VERSION_'\s*,\s*'([0-9.]+)'"),
        ("config/settings.inc.php", rb"define\(\s*'_PS_VERSION_'\s*,\s*'([0-9.]+)'"),
    )
    for name, pattern in places:
        path = root / name
        found = re.search(pattern, template_files.read(path)) if path.is_file() else None
        if found:
            return found.group(1).decode("ascii")
    return None


def former_roots(root: Path, series: Series, settings: Iterable[str], folder: str) -> list[str]:
    """Return where the shop stood when it ran, according to its compiled pages, logs, settings and the theme's record.

    Texts of a tree that was copied for packing still name its old place. The pages are never packed, and those that
    only the web server may read are skipped. `folder` is the path of the shop's address, "" for none.
    """
    heads = [head for place in series.compiled for head in islice(_heads(root / place), _LOOKED_AT_TEMPLATES)]
    texts = [*heads, *evidence.ends_of_logs(root, _LOGS), *(value.encode("utf-8") for value in settings)]
    proven = evidence.former_roots(root, texts, folder)
    named = Counter(
        paths.absolute(found.group(2).decode("utf-8", "replace"))
        for found in map(_TEMPLATE_NAME.search, heads)
        if found is not None
    )
    most = named.most_common(1)[0][0] if named else None
    return list(dict.fromkeys([*proven, *([most] if most and not proven else []), *_recorded_roots(root)]))


def _recorded_roots(root: Path) -> Iterator[str]:
    """Yield the document roots where themes were activated, as `config/themes/*/shop*.json` record them."""
    for path in sorted(root.glob("config/themes/*/shop*.json")):
        with contextlib.suppress(OSError, ValueError, RecursionError):
            record = json.loads(template_files.head(path, _RECORD_BYTES))
            folder = record.get("directory") if isinstance(record, dict) else None
            found = _THEME_FOLDER.fullmatch(folder) if isinstance(folder, str) else None
            place = paths.absolute(found.group(1)) if found else None
            if place and not paths.is_weak(place):
                yield place


def _heads(folder: Path) -> Iterator[bytes]:
    """Yield the beginnings of the readable pages below `folder`."""
    for place, folders, names in os.walk(folder):
        folders.sort()
        for page in (Path(place, name) for name in sorted(names) if name.endswith(".php")):
            with contextlib.suppress(PermissionError):
                if page.is_file():
                    yield template_files.head(page, _HEAD_BYTES)
