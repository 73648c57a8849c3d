"""Finds a PrestaShop's release and settings: in its tree, or as its installer writes them where the tree lacks them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from controller.recipes.base import TemplateDatabase
from controller.recipes.prestashop.database.installation import installation_of, release_in
from controller.recipes.prestashop.database.queries import Database
from controller.recipes.prestashop.facts import Series, series_of
from controller.recipes.prestashop.files import as_installed, config, defines, yaml_parameters
from controller.recipes.prestashop.files.tree import find_version
from controller.recipes.table_prefix import other_prefix
from controller.recipes.tree import template_files

#: Files of every release, which no other application has together.
_MARKS = ("config/config.inc.php", "config/defines.inc.php", "classes/ObjectModel.php")
_INSTALLER = re.compile(rb"define\(\s*'_PS_INSTALL_VERSION_'\s*,\s*'([0-9.]+)'")
_CHANGES = re.compile(rb"^[ \t#]*v(1\.6(?:\.[0-9]+)+)\b", re.MULTILINE)
_HEAD_BYTES = 4096


@dataclass(frozen=True)
class SettingsFile:
    """The settings as they are written for a new shop: `written` says what the tree lacked, `added` are its files."""

    configuration: config.Configuration | defines.Defines
    notes: list[str]
    written: list[str] = field(default_factory=list)
    added: Mapping[bytes, bytes] = field(default_factory=dict)
    #: Whether the tree has no such file at all.
    is_absent: bool = False


def is_prestashop(root: Path) -> bool:
    """Return whether the tree at `root` is a PrestaShop of any version, with its settings or without."""
    has_settings = any((root / name).is_file() for name in (config.PARAMETERS, defines.SETTINGS))
    proven = has_settings or find_version(root) is not None or all((root / name).is_file() for name in _MARKS)
    return proven and (root / "classes").is_dir() and (root / "index.php").is_file()


def release_of(root: Path, database: TemplateDatabase, said: str | None) -> str | None:
    """Return the release in the tree's own code; that of 1.6 stands in its settings: without them, in other places.

    `said` is the prefix the operator names. Raises ShoplaunchError `prefix_unknown`, `prefix_mismatch`.
    """
    found = find_version(root)
    # Later series have their parameters there
    if found is not None or (root / "app").exists():
        return found
    for path in (*sorted(root.glob("*/install_version.php")), root / "docs/CHANGELOG.txt"):
        if path.is_file():
            head = template_files.head(path, _HEAD_BYTES)
            named = _INSTALLER.search(head) or _CHANGES.search(head)
            if named:
                return named.group(1).decode("ascii")
    in_tables = release_in(Database(database, Database.prefix_of(database, None, said)))
    series = series_of(in_tables) if in_tables else None
    return in_tables if series is not None and series.defines else None


def find(root: Path, version: str, series: Series, database: TemplateDatabase, said: str | None) -> SettingsFile:
    """Return the settings of the shop at `root`, with the prefix of its tables.

    Raises ShoplaunchError `config_unreadable`, `prefix_unknown`, `prefix_mismatch`.
    """
    read = defines.read(root) if series.defines else config.read(root)
    environment = as_installed.environment(root, series.needed)
    without = [f"{path.decode()} was missing: written as in the release" for path in environment]
    if read is None:
        return _made(root, version, series, database, said, (environment, without))
    prefix = Database.prefix_of(database, read.configured_prefix, said)
    notes = other_prefix(read.path, read.configured_prefix, prefix)
    same = read.configured_prefix == prefix
    return SettingsFile(read if same else read.with_prefix(prefix), notes, without, environment)


def _made(
    root: Path, version: str, series: Series, database: TemplateDatabase, said: str | None,
    environment: tuple[Mapping[bytes, bytes], list[str]],
) -> SettingsFile:  # fmt: skip
    kept = {} if series.defines else yaml_parameters.read(root / yaml_parameters.YAML)
    prefix = Database.prefix_of(database, config.prefix_in(kept), said)
    made = installation_of(Database(database, prefix), version)
    path = defines.SETTINGS if series.defines else config.PARAMETERS
    is_absent = not (root / path).exists()
    source = f" with the values of {yaml_parameters.YAML}" if kept else ""
    lacked = (
        f"{path} was {'missing' if is_absent else 'empty'}: written as PrestaShop {version}'s installer does{source}"
    )
    sentence = f"{lacked}, with new keys; the tables begin with {prefix!r}, as in the database"
    more, without = environment
    if series.defines:
        return SettingsFile(as_installed.constants(made), [], [sentence], more, is_absent)
    files = {**as_installed.missing_files(root, version, config.STUBS), **more}
    return SettingsFile(as_installed.parameters(root, made, kept), [], [sentence, *without], files, is_absent)
