"""Finds a WordPress's configuration: in its tree, or as its installer makes it where the tree lacks it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from controller.recipes.base import TemplateDatabase
from controller.recipes.table_prefix import other_prefix
from controller.recipes.wordpress.database.queries import Database
from controller.recipes.wordpress.files import config


@dataclass(frozen=True)
class SettingsFile:
    """The configuration as it is written for a new site; `written` says what the tree lacked."""

    configuration: config.Configuration
    notes: list[str]
    written: list[str] = field(default_factory=list)
    #: Whether the tree has no such file at all.
    is_absent: bool = False


def find(root: Path, version: str, database: TemplateDatabase, said: str | None) -> SettingsFile:
    """Return the configuration of the site at `root`, with the prefix of its tables; `said` is the operator's.

    Raises ShoplaunchError `config_unreadable`, `multisite`, `prefix_unknown`, `prefix_mismatch`.
    """
    read = config.read(root)
    configured = None if read is None else read.configured_prefix
    prefix = Database.prefix_of(database, configured, said)
    if read is not None:
        same = read if prefix == read.prefix else read.with_prefix(prefix)
        taken = [f"{one}: what it defines stands in {config.CONFIG} now, which included it" for one in read.taken]
        return SettingsFile(same, [*other_prefix(config.CONFIG, configured, prefix), *taken])
    is_absent = not (root / config.CONFIG).exists()
    made = config.as_installed(root, prefix, Database(database, prefix).charset())
    lacked = f"{config.CONFIG} was {'missing' if is_absent else 'empty'}"
    written = f"{lacked}: written as WordPress {version}'s installer does, with new salts"
    return SettingsFile(made, [], [f"{written}; the tables begin with {prefix!r}, as in the database"], is_absent)
