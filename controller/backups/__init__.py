"""Backups of an installation in one file: settings, keys, agent and all rows, written, verified, restored."""

from controller.backups.aftermath import Review
from controller.backups.reading import Nobody, read
from controller.backups.restoring import OTHER_SETTINGS, replaced, restore, reviewed, settle
from controller.backups.writing import backup, write_backup

__all__ = [
    "OTHER_SETTINGS", "Nobody", "Review", "backup", "read", "replaced", "restore", "reviewed", "settle", "write_backup",
]  # fmt: skip
