"""Durable writes: temporary file, fsync, rename, fsync of the folder; and whether a name is taken."""

from __future__ import annotations

import fcntl
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from shared.errors import ShoplaunchError

#: What a durable write is called until it is renamed.
_TEMPORARY = re.compile(r"\.[A-Za-z0-9][A-Za-z0-9._@:-]*\.[a-z0-9_]{8}\Z")


def unfinished(folder: Path) -> list[Path]:
    """Return what durable writes left in the folder that were cut off, or are under way; [] where it cannot be read."""
    try:
        return sorted(path for path in folder.iterdir() if _TEMPORARY.match(path.name))
    except OSError:
        return []


def is_there(path: str | bytes | os.PathLike[str]) -> bool:
    """Return whether something is at `path`, a link without a target included.

    Raises OSError where that cannot be found out: os.path.exists, and Path.exists from Python 3.14 on, return False.
    """
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def write_durably(path: Path, content: bytes, mode: int, owner: tuple[int, int] | None = None) -> None:
    """Write `content` to the file at `path` with `mode`, or leave what it held before; it gets the `owner`, (user,
    group), if one is given. Raises OSError."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            if owner is not None and owner != _owner(os.fstat(descriptor)):
                os.fchown(descriptor, *owner)
            os.fchmod(descriptor, mode)
            os.fsync(descriptor)
        Path(temporary).replace(path)
    except BaseException as problem:
        Path(temporary).unlink(missing_ok=True)
        if isinstance(problem, OSError) and problem.filename is None:
            # A full disk is found by writing, which names no file
            problem.filename = str(path)
        raise
    sync_folder(path.parent)


def open_private(path: Path) -> BinaryIO:
    """Return the new file at `path` opened for writing: it belongs to its folder's owner, and is closed to all others.

    Raises FileExistsError, OSError.
    """
    folder = path.parent.stat()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    stream = os.fdopen(descriptor, "wb")
    # Run as root: the service that reads it may be another user
    if os.geteuid() == 0 and _owner(folder) != _owner(os.fstat(descriptor)):
        os.fchown(descriptor, *_owner(folder))
    return stream


def replace_durably(path: Path, content: bytes) -> None:
    """Write `content` to the file at `path`; its mode, owner and group stay. Raises OSError."""
    found = path.stat()
    write_durably(path, content, found.st_mode & 0o777, _owner(found))


def _owner(found: os.stat_result) -> tuple[int, int]:
    return found.st_uid, found.st_gid


def give_new_name(file: Path, path: Path) -> None:
    """Link the file as `path`; raise ShoplaunchError `name_taken` when that exists. Raises OSError.

    `file` is on the same file system; it may be a link of /proc/self/fd to a file without a name.
    """
    # Links of /proc are followed only with a directory descriptor
    folder = os.open(path.absolute().parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.link(file, path.name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=True)
    except FileExistsError:
        raise ShoplaunchError("name_taken", f"{path} exists already") from None
    except OSError:
        # A file system without hard links
        if file.is_symlink() or is_there(path):
            raise
        file.rename(path)
    finally:
        os.close(folder)


def remove_unfinished(path: Path) -> None:
    """Remove what writes of the file at `path` left that were cut off; call it within `alone` of its folder, as those
    do who write it. Raises OSError."""
    for one in unfinished(path.parent):
        if one.name.rpartition(".")[0] == f".{path.name}":
            one.unlink(missing_ok=True)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Wait until no other process is `alone` in the folder. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Make renames in `folder` durable. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
