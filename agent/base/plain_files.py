"""Plain files of the account, read without waiting for a pipe or socket that stands in the place of one."""

import errno
import os
import stat

#: What opening says of a socket, and of a link where none is followed.
_NO_FILE = (errno.ENXIO, errno.ELOOP)


def open_plain(path: str, more: int = 0) -> "int | None":
    """Return a descriptor of the plain file at `path`, to read it; None where something else stands. `more` are flags.

    Raises FileNotFoundError where there is nothing; OSError.
    """
    try:
        # Without O_NONBLOCK a pipe that nobody writes to would be waited for without end
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
    """Return a descriptor of a new, empty file at `path`, to write it. What was there is replaced. Raises OSError."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(path, flags, mode)
    except FileExistsError:
        # Never written into: it may be a pipe, somebody else's, or another name of a file that has to stay
        os.unlink(path)
        return os.open(path, flags, mode)
