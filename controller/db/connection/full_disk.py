"""Distinguishes a full disk of the controller's database from other failures: it does not pass by itself."""

from __future__ import annotations

import errno
import os
import sqlite3
import tempfile
from pathlib import Path

import sqlalchemy as sa

from controller.db.connection import sqlstates
from shared.database.disk_errors import cause

#: SQLite's other error codes on a full disk: it cannot create its journal's shared memory or an empty file.
_UNNAMED = (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN)
#: SQLite allocates this much at once for that memory.
_PIECE_BYTES = 32 * 1024


def is_full(problem: BaseException, url: sa.URL) -> bool:
    """Return whether the driver's `problem` means that the disk of the database at `url` is full."""
    if isinstance(problem, sqlite3.Error):
        code = getattr(problem, "sqlite_errorcode", 0) & 0xFF
        return code == sqlite3.SQLITE_FULL or (code in _UNNAMED and _has_no_room(url))
    if sqlstates.is_one(problem):
        return sqlstates.is_full(problem)
    number, *texts = problem.args or (0,)
    return isinstance(number, int) and cause(number, " ".join(str(text) for text in texts)) == "full"


def _has_no_room(url: sa.URL) -> bool:
    folder = Path(url.database or "").absolute().parent
    try:
        state = os.statvfs(folder)
    except OSError:
        return False
    # Some file systems do not count files
    if state.f_bavail * state.f_frsize < _PIECE_BYTES or (state.f_files > 0 and state.f_favail == 0):
        return True
    return _takes_nothing(folder)


def _takes_nothing(folder: Path) -> bool:
    """Return whether this user can write nothing to the folder: a quota does not show in the disk's numbers."""
    try:
        with tempfile.TemporaryFile(dir=folder, buffering=0) as probe:
            left = memoryview(bytes(_PIECE_BYTES))
            while left:
                left = left[probe.write(left) :]
            # Some file systems check the quota only when data is written out
            os.fsync(probe.fileno())
    except OSError as problem:
        return problem.errno in (errno.ENOSPC, errno.EDQUOT)
    return False
