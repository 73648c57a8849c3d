"""Plain files and places of the account: opened without blocking, and never taken for absent because of an error."""

import errno
import os
import stat

#: Errors of open() for a socket, and for a link with O_NOFOLLOW.
_NO_FILE = (errno.ENXIO, errno.ELOOP)


def is_there(path: str) -> bool:
    """Return whether something is at `path`, a link without a target included.

    Raises OSError where that cannot be found out: os.path.exists returns False for an account that cannot be read.
    """
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def is_folder(path: str) -> bool:
    """Return whether a folder, or a link to one, is at `path`. Raises OSError like `is_there`."""
    try:
        return stat.S_ISDIR(os.stat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        if error.errno == errno.ELOOP:
            return False
        raise


def open_plain(path: str, more: int = 0) -> "int | None":
    """Return a read descriptor of the plain file at `path`; None where something else stands. `more` are flags.

    Raises FileNotFoundError where nothing exists; OSError.
    """
    try:
        # Without O_NONBLOCK, opening a pipe without a writer blocks forever
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | more)
    except OSError as error:
        if error.errno in _NO_FILE:
            return None
        raise
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    return None


def create(path: str, mode: int) -> int:
    """Return a write descriptor of a new, empty file at `path`, replacing what is there. Raises OSError."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(path, flags, mode)
    except FileExistsError:
        # Removed, never overwritten: it may be a pipe, another user's file, or a hard link to a file that must stay
        os.unlink(path)
        return os.open(path, flags, mode)
