"""Walks the template's document root: decides which entries are packed or refused, and detects changes meanwhile."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from controller.bundles.source.tree.left_out import LeftOut
from controller.bundles.source.tree.open_folders import LISTED, OpenFolders
from controller.files import is_there
from controller.recipes.location.held_root import held_root
from controller.recipes.location.paths import roots_of
from shared.bundle import MAX_FILE_BYTES, check_link, check_path
from shared.errors import ShoplaunchError

#: Takes a path below the root (bytes) and whether it is a directory; returns a reason to leave it out, or None.
Excluded = Callable[[bytes, bool], str | None]
#: The walk's own reasons.
GIVEN = "given to this packing: the dump, the bundle itself"
NO_CONTENT = "sockets and pipes: there is nothing in them to pack"
DANGLING = "links to what is left out"
_SHOWN_NAMES = 10
_SHOWN_BYTES = 200


class Status(NamedTuple):
    """An entry's metadata, without reading its content; times in nanoseconds."""

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
        """A file's size in bytes."""
        return self.status.size if self.kind == "file" else 0


class _Walk(NamedTuple):
    """The parameters of one walk, and what it collects."""

    excluded: Excluded
    left_out: LeftOut
    unnameable: list[bytes]


class Tree:
    """A document root on the packer's machine."""

    def __init__(self, root: Path) -> None:
        self.root = os.fsencode(root)
        self._real = os.path.realpath(self.root)
        roots = roots_of(root)
        self._roots = [*map(os.fsencode, roots), self._real]
        #: Inode -> devices.
        self._ignored: dict[int, set[int]] = {}
        if not os.path.isdir(self._real):  # noqa: PTH112 - bytes paths
            raise ShoplaunchError("docroot_missing", f"{root} is not a directory")
        try:
            self._folders = OpenFolders(self._real)
        except OSError as problem:
            raise _refusal(self.root, problem) from problem
        #: For readers by path, too: always the opened folder, even if another one takes its name.
        self.held = held_root(self._folders.root, roots)
        weakref.finalize(self.held, self._folders.close)

    def ignore(self, *paths: Path | None) -> None:
        """Leave the files and folders at `paths` out of every walk, whatever names the walk finds them under."""
        for path in filter(None, paths):
            with contextlib.suppress(OSError):
                found = path.stat()
                self._ignored.setdefault(found.st_ino, set()).add(found.st_dev)

    def entries(self, excluded: Excluded, left_out: LeftOut | None = None) -> Iterator[Entry]:
        """Yield every entry that is packed, sorted by path, a directory before its content; count the others.

        Raises ShoplaunchError `tree_unreadable`, `tree_link_outside`, `tree_changed`, and at the end
        `tree_name_encoding` with all names that a bundle cannot hold.
        """
        unnameable: list[bytes] = []
        counted = LeftOut(os.fsencode(self.held)) if left_out is None else left_out
        self._check_root()
        with self._listed(b"", ".", self._folders.root) as top:
            yield from self._walk(b"", top, _Walk(excluded, counted, unnameable))
        if unnameable:
            raise _unnameable(unnameable)

    def read(self, entry: Entry) -> bytes:
        """Return a file's content.

        Raises ShoplaunchError `tree_file_too_large`, and `tree_changed` when it differs from what the walk found.
        """
        if entry.size > MAX_FILE_BYTES:
            raise ShoplaunchError("tree_file_too_large", f"{_shown(entry.path)} has {entry.size} bytes")
        folder, name = os.path.split(entry.path)
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            descriptor = os.open(name, flags, dir_fd=self._folders.at(folder))
        except OSError as problem:
            raise _refusal(entry.path, problem) from problem
        try:
            is_same = entry.status == _status(os.fstat(descriptor))
            content = _content(descriptor, entry.size) if is_same else b""
            after = os.fstat(descriptor)
        finally:
            os.close(descriptor)
        if entry.status != _status(after) or len(content) != entry.size:
            raise ShoplaunchError("tree_changed", f"{_shown(entry.path)} changed while it was packed")
        return content

    def check_unchanged(self, entries: Iterable[Entry]) -> None:
        """Check every entry again. Raises ShoplaunchError `tree_changed` for the first that has changed."""
        self._check_root()
        self._folders.forget()
        for entry in entries:
            folder, name = os.path.split(entry.path)
            try:
                now = os.stat(name, dir_fd=self._folders.at(folder), follow_symlinks=False)
            except OSError as problem:
                raise _refusal(entry.path, problem) from problem
            if entry.status != _status(now):
                raise ShoplaunchError("tree_changed", f"{_shown(entry.path)} changed while it was packed")

    def _absolute(self, path: bytes) -> bytes:
        return os.path.join(self._real, path)  # noqa: PTH118 - bytes paths

    def _check_root(self) -> None:
        """Raise ShoplaunchError `tree_changed` unless the root's path still leads to the opened folder."""
        try:
            now = os.stat(self._real)  # noqa: PTH116 - bytes paths
        except OSError as problem:
            raise _refusal(self._real, problem) from problem
        if not os.path.samestat(now, os.fstat(self._folders.root)):
            raise ShoplaunchError("tree_changed", f"{_shown(self._real)} is another folder by now")

    @contextlib.contextmanager
    def _listed(self, path: bytes, name: str, above: int) -> Iterator[int]:
        """Yield a descriptor of the folder `path`, named `name` in the folder `above`; never follow a link."""
        try:
            descriptor = os.open(name, LISTED, dir_fd=above)
        except OSError as problem:
            raise _refusal(path or b".", problem) from problem
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def _walk(self, folder: bytes, here: int, walk: _Walk) -> Iterator[Entry]:
        """Yield the content of `folder`, whose descriptor is `here`."""
        try:
            with os.scandir(here) as scan:
                found = list(scan)
        except OSError as problem:
            raise _refusal(folder or b".", problem) from problem
        # A directory's content sorts as its path with a slash: `a`, `a.txt`, `a/b`
        places = [(os.fsencode(item.name), item) for item in found]
        places += [(name + b"/", item) for name, item in places if item.is_dir(follow_symlinks=False)]
        passed_over = set()
        for place, item in sorted(places, key=lambda one: one[0]):
            if item.name in passed_over:
                continue
            name = place.rstrip(b"/")
            path = folder + b"/" + name if folder else name
            if place.endswith(b"/"):
                with self._listed(path, item.name, here) as inner:
                    yield from self._walk(path, inner, walk)
                continue
            try:
                entry = None if self._is_left_out(path, item, walk) else self._entry(path, item, here)
            except OSError as problem:
                raise _refusal(path, problem) from problem
            if entry is None:
                passed_over.add(item.name)
            else:
                yield entry

    def _is_left_out(self, path: bytes, item: os.DirEntry[str], walk: _Walk) -> bool:
        """Return whether an entry is left out, and count it; a name that no bundle can hold is kept for the end."""
        reason = GIVEN if self._is_ignored(item) else self._reason(path, item, walk)
        if reason:
            walk.left_out.add(reason, path)
        elif _is_unnameable(path):
            walk.unnameable.append(path)
        else:
            return False
        return True

    def _reason(self, path: bytes, item: os.DirEntry[str], walk: _Walk) -> str | None:
        reason = walk.excluded(path, item.is_dir(follow_symlinks=False))
        if reason or not item.is_symlink():
            return reason or (NO_CONTENT if _has_no_content(item) else None)
        final = os.path.realpath(self._absolute(path))
        inside = final[len(self._real) + 1 :] if final.startswith(self._real + b"/") else b""
        is_directory = os.path.isdir(final)  # noqa: PTH112 - bytes paths
        above = [inside[: found.start()] for found in re.finditer(b"/", inside)]
        led = any(walk.excluded(one, True) for one in above) or (inside and walk.excluded(inside, is_directory))
        return DANGLING if led else None

    def _is_ignored(self, item: os.DirEntry[str]) -> bool:
        devices = self._ignored.get(item.inode())
        return devices is not None and item.stat(follow_symlinks=False).st_dev in devices

    def _entry(self, path: bytes, item: os.DirEntry[str], here: int) -> Entry:
        status = _status(item.stat(follow_symlinks=False))
        if stat.S_ISDIR(status.mode):
            return Entry(path, "directory", status)
        if stat.S_ISREG(status.mode):
            self._require_own(path, item.stat(follow_symlinks=False))
            # Hard links are packed as plain files: each name gets its own copy
            return Entry(path, "file", status)
        if stat.S_ISLNK(status.mode):
            return Entry(path, "link", status, self._target(path, os.fsencode(os.readlink(item.name, dir_fd=here))))
        raise ShoplaunchError("tree_unreadable", f"{_shown(path)} is a device")

    def _require_own(self, path: bytes, found: os.stat_result) -> None:
        """Raise ShoplaunchError `tree_link_outside` for a hard link to what the root's owner may not read: not every
        system refuses such a link, and root reads it."""
        may_read = found.st_uid == os.fstat(self._folders.root).st_uid or found.st_mode & stat.S_IROTH
        if found.st_nlink > 1 and not may_read:
            what = f"{_shown(path)} is a hard link to a file of uid {found.st_uid}"
            raise ShoplaunchError("tree_link_outside", what)

    def _target(self, path: bytes, target: bytes) -> bytes:
        """Return a link's target relative to the link, inside the tree."""
        if target.startswith(b"/"):
            target = self._made_relative(path, target)
        elif b"/../" in target.lstrip(b"./") + b"/":
            # `..` after a name, which may be a link itself
            final = os.path.realpath(self._absolute(path))
            target = os.path.relpath(final, os.path.dirname(self._absolute(path)))  # noqa: PTH120 - bytes paths
        try:
            check_link(path, target)
        except ShoplaunchError as problem:
            raise ShoplaunchError("tree_link_outside", f"{_shown(path)} -> {_shown(target)}") from problem
        # The target's text stays inside; the path it resolves to through other links must too
        final = os.path.realpath(os.path.join(os.path.dirname(self._absolute(path)), target))  # noqa: PTH118, PTH120
        if final != self._real and not final.startswith(self._real + b"/"):
            raise ShoplaunchError("tree_link_outside", f"{_shown(path)} leads to {_shown(final)}")
        return target

    def _where_it_stood(self, target: bytes) -> bytes | None:
        """Return the path below the root that an absolute target meant before the tree was copied here, else None.

        A target that exists on this machine is really outside; so may one that cannot be read.
        """
        try:
            if is_there(target):
                return None
        except OSError:
            return None
        parts = target.strip(b"/").split(b"/")
        ends = (b"/".join(parts[first:]) for first in range(1, len(parts) - 1))
        return next((end for end in ends if os.path.lexists(self._absolute(end))), None)

    def _made_relative(self, path: bytes, target: bytes) -> bytes:
        for root in self._roots:
            if target == root or target.startswith(root + b"/"):
                inside = target[len(root) :].strip(b"/") or b"."
                return os.path.relpath(b"/" + inside, b"/" + os.path.dirname(path))  # noqa: PTH120 - bytes paths
        stood = self._where_it_stood(target)
        if stood is not None:
            return os.path.relpath(b"/" + stood, b"/" + os.path.dirname(path))  # noqa: PTH120 - bytes paths
        raise ShoplaunchError("tree_link_outside", f"{_shown(path)} -> {_shown(target)}")


def _content(descriptor: int, size: int) -> bytes:
    """Return the content of a file of `size` bytes, plus one byte if it has grown; a stream would make three reads."""
    content = os.read(descriptor, size + 1)
    while len(content) <= size and (more := os.read(descriptor, size + 1 - len(content))):
        content += more
    return content


def _has_no_content(item: os.DirEntry[str]) -> bool:
    """Return whether an entry is a socket or pipe: a program made it, and will make it anew."""
    if item.is_file(follow_symlinks=False) or item.is_dir(follow_symlinks=False):
        return False
    mode = item.stat(follow_symlinks=False).st_mode
    return stat.S_ISSOCK(mode) or stat.S_ISFIFO(mode)


def _is_unnameable(path: bytes) -> bool:
    try:
        path.decode("utf-8")
        check_path(path)
    except (UnicodeDecodeError, ShoplaunchError):
        return True
    return False


def _unnameable(paths: Sequence[bytes]) -> ShoplaunchError:
    """Return the error for unusable names, each with the option that leaves it out."""
    named = [f"{_shown(path)} (--leave-out '{_fitting(path)}')" for path in paths[:_SHOWN_NAMES]]
    more = [f"{len(paths) - _SHOWN_NAMES} more"] if len(paths) > _SHOWN_NAMES else []
    reason = "not UTF-8, or with a control character or backslash, or too long or deep"
    return ShoplaunchError("tree_name_encoding", f"{reason}: {', '.join([*named, *more])}")


def _fitting(path: bytes) -> str:
    """Return a pattern of printable characters that matches a path; a long one ends with a wildcard."""
    safe = re.sub(rb"[^ -~]|[\\*?\[\]']", b"?", path)
    return (safe if len(safe) <= _SHOWN_BYTES else safe[:_SHOWN_BYTES] + b"**").decode("ascii")


def _refusal(path: bytes, problem: OSError) -> ShoplaunchError:
    """Return the error for a path that exists but that the system does not let us read."""
    if problem.errno == errno.ENOENT:
        return ShoplaunchError("tree_changed", f"{_shown(path)} is gone")
    if problem.errno in (errno.ELOOP, errno.ENOTDIR, errno.EINVAL):
        return ShoplaunchError("tree_changed", f"{_shown(path)} became something else while it was packed")
    if problem.errno == errno.ENAMETOOLONG:
        return ShoplaunchError("tree_name_encoding", f"{_shown(path)} is too long")
    return ShoplaunchError("tree_unreadable", f"{_shown(path)}: {problem.strerror}")


def _status(found: os.stat_result) -> Status:
    return Status(found.st_ino, found.st_mode, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _shown(path: bytes) -> str:
    return path.decode("utf-8", "backslashreplace")[-_SHOWN_BYTES:]
