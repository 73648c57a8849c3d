"""Inspects files and folders of a document root whose name alone does not show what they are."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import lzma
import os
import re
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, cast

from controller.recipes.tree import zip_names
from controller.recipes.tree.archive_streams import Tar, Xz

_HEAD = 4096
#: Bytes of a dump to read to determine whose it is.
_LOOKED_AT = 4 * 1024 * 1024
_MEMBERS = 2000
#: Members are searched up to this position of an archive: skipped data has to be decompressed, too.
_MOST_UNPACKED = 4 * 1024 * 1024 * 1024
#: Folders of code: a file that looks like a copy there may belong to a module.
_CODE = re.compile(
    rb"(?:modules|themes|override|vendor|tools|classes|controllers|src|app|js|lib|bin|config|localization|translations"
    rb"|mails|pdf|webservice|admin[^/]*|wp-includes|wp-admin|wp-content/(?:plugins|mu-plugins|themes))/.*|.*/vendor/.*",
    re.DOTALL,
)
#: Folders in which archives belong to the code: demo data, translations, themes.
_PARTS = re.compile(
    rb"(?:translations|localization|modules|themes|wp-content/(?:plugins|mu-plugins|themes|languages))/.*|.*/vendor/.*",
    re.DOTALL,
)
#: Folders in which archives are goods.
_GOODS = re.compile(rb"download/.*|wp-content/uploads/(?:woocommerce_uploads|edd)/.*", re.DOTALL)
_COPY_WORD = re.compile(
    rb"(?:^|[^a-z])(?:backups?|bak|dump|database|db|sql|site|public_html|htdocs|www|wwwroot)(?:[^a-z]|$)", re.IGNORECASE
)
_PRIVATE_KEY = re.compile(rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----")
_COMPOSERS_AUTH = re.compile(rb"\"(?:http-basic|bearer|(?:github|gitlab|bitbucket)-(?:oauth|token))\"\s*:")
#: Names in the source of single-file programs that open a database or a disk to anybody.
_TOOLS = re.compile(
    rb"Adminer - Compact database|AdminerEvo|Tiny File Manager|BigDump|Search Replace DB|Unzipper extracts|'FilesMan'"
)
#: WordPress's folder for media in pages.
_MEDIA = re.compile(rb"wp-content/uploads/[0-9]{4}/[0-9]{2}/.*", re.DOTALL)
_SHOWS_PHP = re.compile(rb"(?<![\w>$:])phpinfo\s*\(", re.IGNORECASE)
#: A file with only `<?php phpinfo();`, maybe with a line about errors, is no page of a shop.
_FEW_STATEMENTS = 3
_COMMENT = re.compile(rb"/\*.*?\*/|//[^\n]*|#[^\n]*", re.DOTALL)
#: PrestaShop's and WordPress's own tables: a dump has several of them with the same prefix.
_CORE_TABLE = re.compile(
    rb"(?:CREATE\s+TABLE|INSERT\s+INTO)\s+(?:IF\s+NOT\s+EXISTS\s+)?[`\"]?(\w*?)"
    rb"(configuration|employee|customer|shop_url|options|usermeta|users|posts)[`\"]?[\s(]",
    re.IGNORECASE,
)
_CORE_TABLES = 3
_PREFIX_TO_FILL = (b"_DB_PREFIX_", b"PREFIX_")
_DUMP_TOOL = re.compile(
    rb"--\s*(?:MySQL|MariaDB) dump|--\s*phpMyAdmin SQL Dump|--\s*Adminer|--\s*HeidiSQL|/\*\s*Navicat|/\*!40101 SET"
    rb"|/\*M!999999|--\s*Dump created|SET NAMES",
    re.IGNORECASE,
)
#: Members that only a copy of a whole site has.
_SITE_MEMBER = re.compile(
    r"(?:.*/)?(?:wp-config\.php|config/settings\.inc\.php|app/config/parameters\.php|wp-includes/version\.php"
    r"|[^/]*\.sql(?:\.(?:gz|bz2|xz|zip))?)",
    re.DOTALL,
)
_SITE_CONFIGURATION = re.compile(
    r"(?:[^/]+/){0,2}(?:wp-config\.php|config/settings\.inc\.php|app/config/parameters\.php)", re.DOTALL
)
_OWNER_OF_TESTS = re.compile(
    rb"(?:(?:modules|themes|wp-content/(?:plugins|mu-plugins|themes))/[^/]+/)?tests?", re.DOTALL | re.IGNORECASE
)
_PAGES = (b".php", b".inc", b".phtml", b".tpl", b".twig", b".html", b".yml", b".yaml", b".xml", b".css")
_BUILT_FROM = (b"node_modules", b"bower_components")
_LOADED_AT_ONCE = b"vendor/composer/autoload_files.php"
_NOT_READ = {
    b"node_modules", b"bower_components", b"vendor", b"cache", b"img", b"upload", b"uploads", b"download", b".git",
    b"var", b"_dev", b"_build",
}  # fmt: skip
#: Folders at the root that configure the whole site.
_ROOTS_OWN = (b"app", b"config", b"override", b"themes", b"templates", b"wp-content")
_DEVELOPERS = re.compile(
    rb"phpunit|phpstan|psalm|gulpfile|gruntfile|webpack|karma|eslint|rector|\.php[-_]cs|composer|package"
)
_INSTALLERS = (
    ("install_version.php",), ("controllers/http", "index_cli.php"),
    # An unpacked release that was never installed: anybody who finds it may install it
    ("install/install_version.php", "classes"),
)  # fmt: skip
_SITES = (
    ("wp-includes/version.php",), ("config/settings.inc.php", "classes"), ("app/config/parameters.php", "classes"),
    ("configuration.php", "administrator"), ("sites/default/settings.php",), ("system/startup.php", "catalog"),
    ("app/etc/env.php",), ("app/etc/local.xml",), ("htdocs/conf/conf.php", "htdocs/main.inc.php"),
    ("conf/conf.php", "main.inc.php"), ("LocalSettings.php", "includes"), ("core/lib/Drupal.php",),
    ("system/core/CodeIgniter.php", "application"), ("artisan", "bootstrap/app.php"), ("occ", "config/config.php"),
    ("config.php", "lib/moodlelib.php"), ("config.php", "phpbb"), ("libraries/classes/DatabaseInterface.php",),
    ("conf/config.inc.php", "vtigerversion.php"), ("config_override.php", "sugar_version.php"),
)  # fmt: skip
_OPENERS: tuple[tuple[bytes, Callable[[IO[bytes]], Any]], ...] = (
    (b"\x1f\x8b", lambda raw: gzip.GzipFile(fileobj=raw)), (b"BZh", bz2.BZ2File),
    (b"\xfd7zXZ", lambda raw: io.BufferedReader(Xz(raw))),
)  # fmt: skip


#: Errors from reading a damaged file.
_BROKEN = (OSError, EOFError, zlib.error, lzma.LZMAError)


class Content:
    """A document root to inspect; results for one entry are kept. Unreadable files are not judged."""

    def __init__(self, root: Path, needed: frozenset[bytes]) -> None:
        self._root = os.fsencode(root)
        self._needed = needed
        self._known: dict[tuple[str, bytes], bool] = {}

    def is_private_key(self, path: bytes) -> bool:
        """Return whether a file begins with a private key."""
        return bool(_PRIVATE_KEY.search(self._head(path)))

    def is_outside_code(self, path: bytes) -> bool:
        """Return whether an entry is outside of modules, themes and libraries."""
        return _CODE.fullmatch(path) is None

    def is_dump(self, path: bytes) -> bool:
        """Return whether an SQL file is a copy of a database, not a module's table definitions nor one for sale."""
        is_by_name = _CODE.fullmatch(path) is None and _GOODS.fullmatch(path) is None
        return is_by_name or self.holds_core_tables(path)

    def holds_core_tables(self, path: bytes) -> bool:
        """Return whether a file, compressed or not, is a dump with tables of the application itself."""
        return self._once("dump", path, self._holds_core_tables)

    def is_named_copy(self, path: bytes) -> bool:
        """Return whether a compressed file is a copy of a database or site by its name."""
        return not _GOODS.fullmatch(path) and not _MEDIA.fullmatch(path) and _is_copy_by_name(path)

    def is_site_archive(self, path: bytes) -> bool:
        """Return whether an archive holds a site or its database: by its name, or by its members.

        In a media library and among code only the members count; in the former the name if they cannot be read.
        """
        if _GOODS.fullmatch(path):
            return False
        if _PARTS.fullmatch(path):
            return self._once("archive", path, lambda one: any(map(_SITE_CONFIGURATION.fullmatch, self._members(one))))
        if _is_copy_by_name(path) and not _MEDIA.fullmatch(path):
            return True
        return self._once("archive", path, self._holds_site)

    def is_unused(self, path: bytes) -> bool:
        """Return whether the database names nothing there as in use."""
        return not any(one == path or one.startswith(path + b"/") for one in self._needed)

    def is_installer(self, path: bytes) -> bool:
        """Return whether a folder holds an installer, whatever its name."""
        return any(all(self._is_there(path, mark) for mark in marks) for marks in _INSTALLERS)

    def is_other_site(self, path: bytes) -> bool:
        """Return whether a folder is an installation of its own."""
        return any(all(self._is_there(path, mark) for mark in marks) for marks in _SITES)

    def is_composers_auth(self, path: bytes) -> bool:
        """Return whether a file holds Composer's credentials for other services."""
        return bool(_COMPOSERS_AUTH.search(self._head(path)))

    def is_door(self, path: bytes) -> bool:
        """Return whether a page opens database or disk to anybody, or only shows PHP's configuration."""
        head = self._head(path)
        if _TOOLS.search(head):
            return True
        code = _COMMENT.sub(b"", head)
        return len(head) < _HEAD // 4 and bool(_SHOWS_PHP.search(code)) and code.count(b";") <= _FEW_STATEMENTS

    def is_unreferenced_test(self, path: bytes) -> bool:
        """Return whether tests of a module, a theme or the root are named by none of its other files."""
        return _OWNER_OF_TESTS.fullmatch(path) is not None and self.is_unreferenced(path)

    def is_unreferenced(self, path: bytes) -> bool:
        """Return whether no file next to a folder names it."""
        return self._once("unreferenced", path, lambda one: not self._is_referred_to(one))

    def _once(self, question: str, path: bytes, look: Callable[[bytes], bool]) -> bool:
        if (question, path) not in self._known:
            self._known[question, path] = look(path)
        return self._known[question, path]

    def _is_there(self, folder: bytes, name: str) -> bool:
        return os.path.exists(os.path.join(self._root, folder, name.encode()))  # noqa: PTH110, PTH118 - bytes paths

    def _open(self, path: bytes) -> IO[bytes]:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        return os.fdopen(os.open(os.path.join(self._root, path), flags), "rb")  # noqa: PTH118 - bytes paths

    def _head(self, path: bytes) -> bytes:
        with contextlib.suppress(OSError), self._open(path) as stream:
            return stream.read(_HEAD)
        return b""

    def _holds_core_tables(self, path: bytes) -> bool:
        with contextlib.suppress(*_BROKEN), self._open(path) as raw:
            stream = _unpacked(raw, self._head(path))
            text = stream.read(_HEAD)
            return bool(_DUMP_TOOL.search(text)) and _has_core_tables(text + stream.read(_LOOKED_AT))
        return False

    def _holds_site(self, path: bytes) -> bool:
        is_read = False
        for member in self._members(path):
            if _SITE_MEMBER.fullmatch(member):
                return True
            is_read = True
        return not is_read and _is_copy_by_name(path)

    def _members(self, path: bytes) -> Iterator[str]:
        """Yield the names in an archive, as far as they can be read."""
        with (
            contextlib.suppress(*_BROKEN, zipfile.BadZipFile, tarfile.TarError, NotImplementedError, ValueError),
            self._open(path) as stream,
        ):
            if path.lower().endswith(b".zip"):
                yield from zip_names.names(stream)
                return
            with Tar(_unpacked(stream, self._head(path))) as packed:
                for number, member in enumerate(packed):
                    yield member.name.removeprefix("./")
                    if number >= _MEMBERS or packed.offset > _MOST_UNPACKED:
                        return

    def _is_referred_to(self, path: bytes) -> bool:
        parent, _, name = path.rpartition(b"/")
        # Composer loads these in any case; files in its other lists are loaded only on demand
        if b"/" + name + b"/" in self._text(os.path.join(parent, _LOADED_AT_ONCE)):  # noqa: PTH118 - bytes paths
            return True
        needle = re.compile(rb"(?<![A-Za-z0-9_-])" + re.escape(name) + rb"(?![A-Za-z0-9_-])", re.IGNORECASE)
        # Compiled scripts name the folders from which they were built
        kinds = _PAGES if name.lower() in _BUILT_FROM else (*_PAGES, b".js")
        return any(needle.search(self._text(one)) for one in self._sibling_code(parent, name, kinds))

    def _sibling_code(self, parent: bytes, name: bytes, kinds: tuple[bytes, ...]) -> Iterator[bytes]:
        """Yield the files of `kinds` below `parent`, except the folder `name` and files that no page uses."""
        top = os.path.join(self._root, parent)  # noqa: PTH118 - bytes paths
        for place, folders, files in os.walk(top):
            at_top = place == top
            passed_over = {name, *_NOT_READ} if at_top else _NOT_READ
            folders[:] = sorted(set(folders) - passed_over)
            if at_top and not parent:
                folders[:] = [one for one in folders if one in _ROOTS_OWN]
            for file in sorted(files):
                if file.lower().endswith(kinds) and not _DEVELOPERS.search(file.lower()):
                    yield os.path.relpath(os.path.join(place, file), self._root)  # noqa: PTH118 - bytes paths

    def _text(self, path: bytes) -> bytes:
        with contextlib.suppress(OSError), self._open(path) as stream:
            return stream.read(_LOOKED_AT)
        return b""


def _unpacked(raw: IO[bytes], head: bytes) -> IO[bytes]:
    """Return the decompressed content of the file `raw`, which begins with `head`, or the file itself."""
    opener = next((opener for mark, opener in _OPENERS if head.startswith(mark)), None)
    return cast(IO[bytes], opener(raw)) if opener else raw


def _is_copy_by_name(path: bytes) -> bool:
    return bool(_COPY_WORD.search(path.rpartition(b"/")[2]))


def _has_core_tables(text: bytes) -> bool:
    found = {(one.group(1), one.group(2).lower()) for one in _CORE_TABLE.finditer(text)}
    prefixes = Counter(prefix for prefix, _ in found if prefix not in _PREFIX_TO_FILL)
    return any(count >= _CORE_TABLES for count in prefixes.values())
