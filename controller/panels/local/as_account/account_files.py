"""Files below an account's home, opened as the account and never through a link; what helpers of an account share.

Its source is passed with theirs: see helper.py. Standard library only.
"""

import contextlib
import errno
import hashlib
import itertools
import os
import stat
from collections.abc import Iterator

PIECE_BYTES = 1024 * 1024
FIRST_UID = 1000
#: Added to an account's user id, this gives an id that nobody on this machine has.
UNSEEN = 0x7F000000
FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
#: Why a name is no usable folder of the account.
NO_FOLDER = dict.fromkeys((errno.ELOOP, errno.ENOTDIR), "is a link or no folder")
NO_FOLDER[errno.EACCES] = "is closed to the account itself"
NO_FOLDER[errno.ENOTCONN] = "is on a file system that is gone"


class Refused(Exception):
    """A link, a foreign file or something that is no file is in the way."""

    code = "path_refused"


class Missing(Exception):
    """The name does not exist."""


class TooLarge(Refused):
    """A file has more bytes than the limit; a sparse file may be larger than any disk."""

    code = "file_too_large"


def drop_rights(uid: int, gid: int, groups: list[int]) -> None:
    """Become the account permanently. Raises PermissionError when any trace of another identity is left.

    The real user id belongs to nobody on this machine, so that no process of the account may end, stop or trace this
    one.
    """
    if uid < FIRST_UID or gid == 0 or 0 in groups:
        raise PermissionError("not a hosting account")
    os.setgroups(groups)
    os.setresgid(gid, gid, gid)
    for really in (UNSEEN + uid, uid):
        # A container may have few ids.
        with contextlib.suppress(OSError):
            os.setresuid(really, uid, really)
            break
    os.umask(0o077)
    if os.getresuid() != (really, uid, really) or os.getresgid() != (gid,) * 3 or set(os.getgroups()) != set(groups):
        raise PermissionError("the rights were not dropped")


def open_home(base: str, name: str) -> int:
    """Return a descriptor of `base`/`name`, a real folder of the account, even when closed to its owner."""
    above = os.open(base, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    os.close(enter(above, name, os.O_PATH))
    return open_for_removal(above, name)


def mount_number(handle: int) -> bytes:
    """Return the number of the mount that an open file or folder is on, without asking the file system."""
    try:
        with open(f"/proc/self/fdinfo/{handle}", "rb") as stream:  # noqa: PTH123 - a name of the kernel
            return stream.read().partition(b"mnt_id:\t")[2].partition(b"\n")[0]
    except PermissionError:
        # Before Linux 5.14 it is unreadable after dropping root's rights; then only the time limit helps
        return b""


def is_own(above: int, handle: int) -> bool:
    """Return whether a file system of the account's own (FUSE) begins at `handle`, which lies in the folder `above`."""
    number, own = mount_number(handle), f"user_id={os.geteuid()}".encode()
    if number in (b"", mount_number(above)):
        return False
    with open("/proc/self/mountinfo", "rb") as stream:  # noqa: PTH123 - as above
        for line in stream:
            before, _, after = line.partition(b" - ")
            if before.startswith(number + b" "):
                return after.startswith(b"fuse") and own in after.split()[-1].split(b",")
    return False


def handle_of(above: int, name: str, more: int = 0) -> int:
    """Return a descriptor of `name` in the folder `above` without asking its file system anything.

    `more` are flags. Raises FileNotFoundError; Refused for a file system of the account's own: it may never answer.
    """
    handle = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC | more, dir_fd=above)
    if is_own(above, handle):
        os.close(handle)
        raise Refused(f"{name} is a file system of the account's own")
    return handle


def opened(above: int, name: str, flags: int) -> int:
    """Return the result of `handle_of` opened with `flags`; links are not followed. Raises as that, and OSError."""
    handle = handle_of(above, name)
    try:
        return os.open(f"/proc/self/fd/{handle}", flags)
    finally:
        os.close(handle)


def status_of_name(above: int, name: str) -> os.stat_result:
    """Return the status of `name` in the folder `above`. Raises as `handle_of`."""
    handle = handle_of(above, name)
    try:
        return os.fstat(handle)
    finally:
        os.close(handle)


def enter(above: int, name: str, more: int = 0) -> int:
    """Return a descriptor of the folder `name` in `above`; `more` are flags. Raises Missing, Refused."""
    try:
        folder = opened(above, name, FOLDER_FLAGS | more)
    except FileNotFoundError:
        raise Missing(name) from None
    except OSError as error:
        if error.errno in NO_FOLDER:
            raise Refused(f"{name} {NO_FOLDER[error.errno]}") from None
        raise
    if os.fstat(folder).st_uid != os.geteuid():
        raise Refused(f"{name} belongs to somebody else")
    return folder


def open_for_removal(above: int, name: str) -> int:
    """Return a descriptor of the folder `name`, after making it readable and writable for its owner."""
    handle = handle_of(above, name, os.O_DIRECTORY)
    try:
        status = os.fstat(handle)
        if status.st_uid == os.geteuid() and status.st_mode & 0o700 != 0o700:
            # Such a descriptor does not support fchmod, but its name in /proc leads to exactly this folder.
            os.chmod(f"/proc/self/fd/{handle}", stat.S_IMODE(status.st_mode) | 0o700)  # noqa: PTH101 - pathlib has no descriptors
    finally:
        os.close(handle)
    return enter(above, name)


def walk(home: int, parts: list[str], make_mode: int | None = None) -> int:
    """Return a descriptor of the folder `parts` below `home`; missing ones are created when `make_mode` is given."""
    folder = os.dup(home)
    for part in parts:
        try:
            inner = enter(folder, part)
        except Missing:
            if make_mode is None:
                raise
            with contextlib.suppress(FileExistsError):
                # Another process was faster; its entry is checked like any that was there before.
                os.mkdir(part, make_mode, dir_fd=folder)
            inner = enter(folder, part)
            os.fchmod(inner, make_mode)
            os.fsync(folder)
        os.close(folder)
        folder = inner
    return folder


def open_file(folder: int, name: str) -> int | None:
    """Return a descriptor for reading the account's own plain file, None when there is none. Raises Refused."""
    try:
        # Without O_NONBLOCK a named pipe would block forever.
        file = opened(folder, name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO, errno.EACCES):
            raise Refused(f"{name} is a link, closed, or no file") from None
        raise
    status = os.fstat(file)
    if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid():
        raise Refused(f"{name} is no plain file of the account")
    return file


def pieces(file: int, limit: int) -> Iterator[bytes]:
    """Yield an open file's bytes from its beginning. Raises TooLarge above `limit`; the size is checked first."""
    read = 0
    os.lseek(file, 0, os.SEEK_SET)
    while max(read, os.fstat(file).st_size) <= limit and (piece := os.read(file, min(PIECE_BYTES, limit + 1 - read))):
        read += len(piece)
        yield piece
    if max(read, os.fstat(file).st_size) > limit:
        raise TooLarge(f"the file has more than {limit} bytes")


def hash_file(file: int, limit: int) -> str:
    """Return the SHA-256 of an open file. Raises TooLarge."""
    digest = hashlib.sha256()
    for piece in pieces(file, limit):
        digest.update(piece)
    return digest.hexdigest()


def names_in(folder: int, limit: int) -> list[str]:
    """Return the names of a folder's first entries, `limit` at most: there may be millions."""
    with os.scandir(folder) as entries:
        return [entry.name for entry in itertools.islice(entries, limit)]


def check_replaceable(folder: int, name: str) -> None:
    """Raise Refused unless `name` is missing or a plain file of the account without other hard links."""
    try:
        status = status_of_name(folder, name)
    except FileNotFoundError:
        return
    if not stat.S_ISREG(status.st_mode):
        raise Refused(f"{name} is a link or no file")
    if status.st_uid != os.geteuid() or status.st_nlink > 1:
        raise Refused(f"{name} is not the account's alone")


def copy(source: int, file: int) -> None:
    """Append the rest of `source` to `file`."""
    for piece in iter(lambda: os.read(source, PIECE_BYTES), b""):
        rest = memoryview(piece)
        while rest:
            rest = rest[os.write(file, rest) :]
