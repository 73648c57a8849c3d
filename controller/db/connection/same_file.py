"""Keeps a process on the one SQLite file it has opened: the disk below it may go away, another file take its place."""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa

from shared.errors import ShoplaunchError

MODE = 0o600
#: What the system says of a path that leads nowhere: removed, or on a file system that is away.
_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ESTALE, errno.ENOTCONN)
#: Stands for the identity of a file in a closed folder, or on a disk that fails: SQLite says so at its opening.
_UNSEEN = (-1, -1)


class SameFile:
    """The file at `path` as first opened; afterwards only that very file is opened and used."""

    def __init__(self, path: Path) -> None:
        self._path = path
        #: Device and inode of the opened file, None before the first opening.
        self._known: tuple[int, int] | None = None

    def open(self, how: dict[str, Any]) -> sqlite3.Connection:
        """Return a connection to the file, which is never created here. Raises database_busy, sqlite3.Error."""
        self.require()
        before = _identity(self._path)
        # A disk may go away between this look and the opening: SQLite must not create a file in its place
        address = f"file:{quote(str(self._path))}?mode=rw"
        connection: sqlite3.Connection = sqlite3.connect(address, uri=True, **how)
        if self._known is None and before not in (None, _UNSEEN) and before == _identity(self._path):
            self._known = before
        try:
            self.require()
        except ShoplaunchError:
            connection.close()
            raise
        return connection

    def require(self) -> None:
        """Raise database_busy unless the path still leads to the opened file. It helps to try again later: the disk
        may be back then."""
        if self._known is None:
            return
        found = _identity(self._path)
        if found in (self._known, _UNSEEN):
            return
        if found is None:
            what = f"the file {self._path} is gone; is its disk mounted?"
        else:
            what = f"another file is in the place of {self._path}; restart the service if that is the right one"
        raise ShoplaunchError("database_busy", f"the controller's database: {what}")


def keep(engine: sa.Engine) -> None:
    """Open for `engine` only the file it opened first, and lend no connection once its path leads elsewhere."""
    if not _is_in_file(engine.url):
        return
    # As SQLAlchemy hands it to SQLite: a process may change its working directory
    file = SameFile(Path(engine.url.database or "").absolute())

    @sa.event.listens_for(engine, "do_connect")
    def connect(_dialect: object, _record: object, _arguments: object, how: dict[str, object]) -> sqlite3.Connection:
        return file.open(how)

    @sa.event.listens_for(engine, "checkout")
    def lend(_connection: object, _record: object, _lent: object) -> None:
        file.require()


def create(url: sa.URL) -> bool:
    """Create the SQLite file of `url`, closed to everybody else from its first instant; return whether it was missing.

    Only who makes an installation or migrates it may call this. What hinders it SQLite says at the opening.
    """
    if not _is_in_file(url):
        return False
    try:
        # SQLite gives the files that it adds later the same mode; a link may lead to a file that is still missing
        file = Path(url.database or "").resolve()
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, MODE))
    except OSError:
        return False
    return True


def is_missing(url: sa.URL) -> bool:
    """Return whether the folder of the SQLite file of `url` is there and the file is not."""
    path = Path(url.database or "").absolute()
    return _is_in_file(url) and path.parent.is_dir() and not path.exists() and not path.is_symlink()


def require_there(url: sa.URL) -> None:
    """Raise ShoplaunchError `not_initialised` where the folder of the SQLite file of `url` is there and it is not."""
    if is_missing(url):
        raise ShoplaunchError("not_initialised", f"there is no file {url.database}; is its disk mounted?")


def _is_in_file(url: sa.URL) -> bool:
    # Of a URI in the URL only SQLite knows the file
    named = url.database not in (None, "", ":memory:") and "uri" not in url.query
    return url.get_backend_name() == "sqlite" and named


def _identity(path: Path) -> tuple[int, int] | None:
    """Return device and inode of the file at `path`, None for none, _UNSEEN where this process may not look."""
    try:
        found = path.stat()
    except OSError as problem:
        return None if problem.errno in _GONE else _UNSEEN
    return found.st_dev, found.st_ino
