"""Distinguishes a write-protected database from a busy one: its owner, mode or mount must be corrected by hand."""

from __future__ import annotations

import errno
import os
import sqlite3
import tempfile
from pathlib import Path

import sqlalchemy as sa

from controller.db.connection import sqlstates

#: MySQL's "running with an option such as --read-only" and "running in read-only mode".
_OPTION, _MODE = 1290, 1836


def is_protected(problem: BaseException, url: sa.URL) -> bool:
    """Return whether the driver's `problem` means that the database at `url` is write-protected."""
    if isinstance(problem, sqlite3.Error):
        code = getattr(problem, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
            return True
        path = Path(url.database or "").absolute()
        if code == sqlite3.SQLITE_IOERR:
            return _is_read_only(path.parent)
        return code == sqlite3.SQLITE_CANTOPEN and not _may_write(path)
    if sqlstates.is_one(problem):
        return sqlstates.is_protected(problem)
    number, *texts = problem.args or (0,)
    return number == _MODE or (number == _OPTION and any("read-only" in str(text) for text in texts))


def _is_read_only(folder: Path) -> bool:
    """Return whether the folder's file system takes no changes: one that met an error of its disk may not say so until
    something is written."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return False
    except OSError as problem:
        return problem.errno == errno.EROFS


def _may_write(path: Path) -> bool:
    """Return whether this process may write to the file and create others next to it, as far as they exist."""
    if not path.parent.is_dir():
        return not _is_closed(path.parent)
    return os.access(path.parent, os.W_OK | os.X_OK) and (not path.exists() or os.access(path, os.R_OK | os.W_OK))


def _is_closed(folder: Path) -> bool:
    """Return whether the folder may exist, and a folder above it is closed to this process."""
    above = next((one for one in folder.parents if one.is_dir()), folder)
    return not os.access(above, os.X_OK)
