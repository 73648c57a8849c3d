"""Walks the template's document root: which entries are packed, which are refused, and whether they held still."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from controller.recipes.location.paths import roots_of
from shared.bundle import MAX_FILE_BYTES, check_link, check_path
from shared.errors import ShoplaunchError

#: Told a path below the root (bytes) and whether it is a directory; True leaves it and all below it out.
Excluded = Callable[[bytes, bool], bool]


class Status(NamedTuple):
    """What is known of an entry without reading it; times in nanoseconds."""

    inode: int
    mode: int
    size: int
    modified: int
    changed: int


class Entry(NamedTuple):
    """One entry; `path` is relative to the root. `kind` is "file", "directory" or "link"."""

    path: bytes
    kind: str
    status: Status
    target: bytes = b""

    @property
    def size(self) -> int:
        """Bytes of a file."""
        return self.status.size if self.kind == "file" else 0


class Tree:
    """A document root on the packer's machine."""

    def __init__(self, root: Path) -> None:
        self.root = os.fsencode(root)
        self._real = os.path.realpath(self.root)
        self._roots = [*map(os.fsencode, roots_of(root)), self._real]
        if not os.path.isdir(self._real):  # noqa: PTH112 - bytes paths
            raise ShoplaunchError("docroot_missing", f"{root} is not a directory")

    def entries(self, excluded: Excluded) -> Iterator[Entry]:
        """Yield every entry that is packed, sorted by path, a directory before what it holds.

        Raises ShoplaunchError `tree_unreadable`, `tree_link_outside`, `tree_name_encoding`, `tree_changed`.
        """
        return self._walk(b"", excluded)

    def read(self, entry: Entry) -> bytes:
        """Return a file's content.

        Raises ShoplaunchError `tree_file_too_large`, and `tree_changed` when it is not what the walk saw.
        """
        if entry.size > MAX_FILE_BYTES:
            raise ShoplaunchError("tree_file_too_large", f"{_shown(entry.path)} has {entry.size} bytes")
        path = self._absolute(entry.path)
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as problem:
            raise _refusal(entry.path, problem) from problem
        with os.fdopen(descriptor, "rb") as stream:
            content = stream.read()
            after = os.fstat(stream.fileno())
        if entry.status != _status(after) or len(content) != entry.size:
            raise ShoplaunchError("tree_changed", f"{_shown(entry.path)} changed while it was packed")
        return content

    def check_unchanged(self, entries: Iterable[Entry]) -> None:
        """Look at every entry once more. Raises ShoplaunchError `tree_changed` for the first that is not as it was."""
        for entry in entries:
            try:
                now = os.lstat(self._absolute(entry.path))
            except OSError as problem:
                raise _refusal(entry.path, problem) from problem
            if entry.status != _status(now):
                raise ShoplaunchError("tree_changed", f"{_shown(entry.path)} changed while it was packed")

    def _absolute(self, path: bytes) -> bytes:
        return os.path.join(self._real, path)  # noqa: PTH118 - bytes paths

    def _walk(self, folder: bytes, excluded: Excluded) -> Iterator[Entry]:
        try:
            with os.scandir(self._absolute(folder)) as scan:
                found = list(scan)
        except OSError as problem:
            raise _refusal(folder or b".", problem) from problem
        # What a directory holds comes where its path with a slash does: `a`, `a.txt`, `a/b`
        places = [(item.name, item) for item in found]
        places += [(item.name + b"/", item) for item in found if item.is_dir(follow_symlinks=False)]
        for place, item in sorted(places, key=lambda one: one[0]):
            path = folder + b"/" + item.name if folder else item.name
            if excluded(path, item.is_dir(follow_symlinks=False)):
                continue
            if place.endswith(b"/"):
                yield from self._walk(path, excluded)
            else:
                yield self._entry(path, item)

    def _entry(self, path: bytes, item: os.DirEntry[bytes]) -> Entry:
        try:
            path.decode("utf-8")
        except UnicodeDecodeError as problem:
            raise ShoplaunchError("tree_name_encoding", f"{_shown(path)} is not UTF-8") from problem
        try:
            check_path(path)
        except ShoplaunchError as problem:
            reason = f"{_shown(path)} holds a control character or backslash, or is too long"
            raise ShoplaunchError("tree_name_encoding", reason) from problem
        try:
            found = item.stat(follow_symlinks=False)
        except OSError as problem:
            raise _refusal(path, problem) from problem
        status = _status(found)
        if stat.S_ISDIR(status.mode):
            return Entry(path, "directory", status)
        if stat.S_ISREG(status.mode):
            # Hard-linked files are just files: each name gets its own copy
            return Entry(path, "file", status)
        if stat.S_ISLNK(status.mode):
            return Entry(path, "link", status, self._target(path))
        raise ShoplaunchError("tree_unreadable", f"{_shown(path)} is a socket, pipe or device")

    def _target(self, path: bytes) -> bytes:
        """Return a link's target relative to the link, inside the tree."""
        target = os.readlink(self._absolute(path))  # noqa: PTH115 - bytes paths
        if target.startswith(b"/"):
            target = self._made_relative(path, target)
        elif b"/../" in target.lstrip(b"./") + b"/":
            # Climbing behind a name, which may be a link itself
            final = os.path.realpath(self._absolute(path))
            target = os.path.relpath(final, os.path.dirname(self._absolute(path)))  # noqa: PTH120 - bytes paths
        try:
            check_link(path, target)
        except ShoplaunchError as problem:
            raise ShoplaunchError("tree_link_outside", f"{_shown(path)} -> {_shown(target)}") from problem
        # The words stay inside; what they lead to by other links must too
        final = os.path.realpath(self._absolute(path))
        if final != self._real and not final.startswith(self._real + b"/"):
            raise ShoplaunchError("tree_link_outside", f"{_shown(path)} leads to {_shown(final)}")
        return target

    def _made_relative(self, path: bytes, target: bytes) -> bytes:
        for root in self._roots:
            if target == root or target.startswith(root + b"/"):
                inside = target[len(root) :].strip(b"/") or b"."
                return os.path.relpath(b"/" + inside, b"/" + os.path.dirname(path))  # noqa: PTH120 - bytes paths
        raise ShoplaunchError("tree_link_outside", f"{_shown(path)} -> {_shown(target)}")


def _refusal(path: bytes, problem: OSError) -> ShoplaunchError:
    """Return what it means that the system does not let us at a path that was there."""
    if problem.errno == errno.ENOENT:
        return ShoplaunchError("tree_changed", f"{_shown(path)} is gone")
    if problem.errno == errno.ENAMETOOLONG:
        return ShoplaunchError("tree_name_encoding", f"{_shown(path)} is too long")
    return ShoplaunchError("tree_unreadable", f"{_shown(path)}: {problem.strerror}")


def _status(found: os.stat_result) -> Status:
    return Status(found.st_ino, found.st_mode, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _shown(path: bytes) -> str:
    return path.decode("utf-8", "backslashreplace")[-300:]
