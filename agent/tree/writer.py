"""Writes files, folders and links below one folder without ever following a link, each file once."""

import errno
import os

from shared.bundle import check_link, check_path
from shared.errors import ShoplaunchError

MYPY = False
if MYPY:
    from typing import Iterable

_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
#: Errors of open() where a link, or anything but a folder, stands there.
_NO_FOLDER = (errno.ENOTDIR, errno.ELOOP)
#: Folders kept open at once: small accounts may open few files, and in a process with threads the system takes long to
#: grow the table of descriptors beyond 64.
KEPT_FOLDERS = 40
#: Hosts refuse to run files that group or others may write.
MODE_MASK = 0o755


class TreeWriter:
    """Writes below `root` (str), which is created with mode 0700 when absent.

    Paths are relative bytes and are checked. Raises ShoplaunchError `unsafe_path`, also where a link stands in place of
    a folder; `path_refused` when `root` is a link or another user's, or a folder stands in place of a file; OSError.
    """

    def __init__(self, root: str) -> None:
        try:
            os.mkdir(root, 0o700)
        except FileExistsError:
            pass
        try:
            self._root = os.open(root, _FOLDER_FLAGS)
        except NotADirectoryError:
            raise ShoplaunchError("path_refused", "{} is not a folder".format(root)) from None
        if os.fstat(self._root).st_uid != os.geteuid():
            os.close(self._root)
            raise ShoplaunchError("path_refused", "{} is somebody else's".format(root))
        self._open: "dict[bytes, int]" = {}

    def close(self) -> None:
        """Close every folder."""
        for descriptor in self._open.values():
            os.close(descriptor)
        self._open = {}
        os.close(self._root)

    def folder(self, path: bytes, mode: int, mtime: "int | None" = None) -> None:
        """Create the folder `path`."""
        descriptor = self._enter(check_path(path))
        os.fchmod(descriptor, (mode & MODE_MASK) | 0o700)

    def file(self, path: bytes, data: "bytes | memoryview", mode: int, mtime: "int | None" = None) -> None:
        """Write `data` (bytes-like) to the file `path`, replacing it; `mtime` in seconds, now when None."""
        self.file_of(path, (data,), mode, mtime)

    def file_of(
        self, path: bytes, pieces: "Iterable[bytes | memoryview]", mode: int, mtime: "int | None" = None
    ) -> None:
        """Write like `file`, with content that comes in `pieces`."""
        parent, name = self._parent(check_path(path))
        descriptor = self._create(parent, name, (mode & MODE_MASK) | 0o600)
        try:
            for data in pieces:
                written = os.write(descriptor, data)
                while written < len(data):
                    written += os.write(descriptor, data[written:])
            if mtime is not None:
                os.utime(descriptor, (mtime, mtime))
        finally:
            os.close(descriptor)

    def link(self, path: bytes, target: bytes) -> None:
        """Create the symbolic link `path` to `target` (relative, staying inside)."""
        check_link(check_path(path), target)
        parent, name = self._parent(path)
        try:
            os.symlink(target, name, dir_fd=parent)
        except FileExistsError:
            _unlink(parent, name)
            os.symlink(target, name, dir_fd=parent)

    def _create(self, parent: int, name: bytes, mode: int) -> int:
        try:
            return os.open(name, _FILE_FLAGS, mode, dir_fd=parent)
        except FileExistsError:
            # Replaced, never opened for writing: it may be a foreign link to anywhere
            _unlink(parent, name)
            return os.open(name, _FILE_FLAGS, mode, dir_fd=parent)

    def _parent(self, path: bytes) -> "tuple[int, bytes]":
        folder, _, name = path.rpartition(b"/")
        return (self._enter(folder) if folder else self._root), name

    def _enter(self, path: bytes) -> int:
        descriptor = self._open.get(path)
        if descriptor is not None:
            return descriptor
        parent, name = self._parent(path)
        try:
            os.mkdir(name, 0o755, dir_fd=parent)
        except FileExistsError:
            pass
        try:
            descriptor = os.open(name, _FOLDER_FLAGS, dir_fd=parent)
        except OSError as error:
            if error.errno not in _NO_FOLDER:
                raise
            raise ShoplaunchError(
                "unsafe_path", "{!r} is not a folder: {}".format(path[:120], error.strerror)
            ) from None
        if len(self._open) >= KEPT_FOLDERS:
            self._forget(path)
        self._open[path] = descriptor
        return descriptor

    def _forget(self, path: bytes) -> None:
        """Close the kept folders that are not above `path`."""
        for kept in list(self._open):
            if not path.startswith(kept + b"/"):
                os.close(self._open.pop(kept))


def _unlink(parent: int, name: bytes) -> None:
    try:
        os.unlink(name, dir_fd=parent)
    except (IsADirectoryError, PermissionError):
        raise ShoplaunchError("path_refused", "a folder stands where {!r} must be".format(name[:120])) from None
