"""Small edits of files below the document root: replaces texts, all of a file's at once or none.

No link is followed, a panel's blocks in a `.htaccess` are left as they are, and a completed edit is skipped. The new
content is first written outside the document root, where no visitor can request it.
"""

import os
import stat

from agent.base.state import write_durably
from agent.tree import staging
from agent.tree.htaccess import segments
from shared.bundle import check_path
from shared.errors import ShoplaunchError

MYPY = False
if MYPY:
    from typing import Any, Callable, Sequence, Tuple

    from agent.tree.work import Work
    from shared.documents import Edit, HtaccessBlock

    Change = Tuple[bytes, bytes, int]

HTACCESS = b".htaccess"
MAX_BYTES = 8 * 1024 * 1024
TEMPORARY = "edited"
_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def check(ctx: "Work", wanted: "Sequence[Edit]") -> None:
    """Raise ShoplaunchError unless every edit of `wanted` (the job's) is done already or possible.

    The codes are `edit_mismatch`, `path_refused`, `unsafe_path`; OSError. Nothing is changed.
    """
    for path, changes in by_file(ctx, wanted):
        place = _Place(ctx.root, path)
        try:
            edited(path, place.read(), changes, _rules(ctx))
        finally:
            place.close()


def apply(ctx: "Work", wanted: "Sequence[Edit]", check: "Callable[[], None]") -> None:
    """Apply every edit of `wanted`; safe to repeat. Each file is replaced by one rename, its mode kept.

    `check()` raises before each when another attempt takes over. Raises like the function `check`.
    """
    for path, changes in by_file(ctx, wanted):
        check()
        place = _Place(ctx.root, path)
        try:
            before = place.read()
            after = edited(path, before, changes, _rules(ctx))
            if after != before:
                place.replace(after, _temporary(ctx))
                ctx.log.info("edited %r", path[-120:])
        finally:
            place.close()


def by_file(ctx: "Work", wanted: "Sequence[Edit]") -> "list[tuple[bytes, list[Change]]]":
    """Return [(path, [(old, new, count)])] with every template filled, all bytes, in the order of the job."""
    found: "dict[bytes, list[Change]]" = {}
    order: "list[bytes]" = []
    for edit in wanted:
        texts = edit["path"], edit["old"], edit["new"]
        path, old, new = (ctx.renderer.render(text.encode("utf-8")) for text in texts)
        if path not in found:
            order.append(check_path(path))
        found.setdefault(path, []).append((old, new, edit.get("count", 1)))
    return [(path, found[path]) for path in order]


def edited(path: bytes, data: bytes, changes: "Sequence[Change]", rules: "Sequence[HtaccessBlock]") -> bytes:
    """Return the file's content `data` (bytes) after `changes` [(old, new, count)]; completed changes are skipped.

    `count` is how often `old` must occur, 0 for at least once. `rules` describe the panel's blocks of a `.htaccess`.
    Raises ShoplaunchError `edit_mismatch` when neither `old` nor `new` occurs as often as required.
    """
    is_htaccess = path.rpartition(b"/")[2] == HTACCESS
    parts = segments(data, rules) if is_htaccess else [(False, data)]
    for number, (old, new, count) in enumerate(changes, 1):
        if not old:
            raise ShoplaunchError("edit_mismatch", "edit {} of {!r} replaces nothing".format(number, path[-120:]))
        own = [text for block, text in parts if not block]
        found = sum(_occurrences(text, old, new) for text in own)
        if found == 0 and any(new in text for text in own):
            continue
        if found == 0 or (count and found != count):
            message = "edit {} of {!r}: the text to replace is there {} times instead of {}"
            raise ShoplaunchError("edit_mismatch", message.format(number, path[-120:], found, count or "at least 1"))
        parts = [(block, text if block else _replaced(text, old, new)) for block, text in parts]
    return b"".join(text for _, text in parts)


def _occurrences(text: bytes, old: bytes, new: bytes) -> int:
    return sum(piece.count(old) for piece in _outside(text, old, new))


def _replaced(text: bytes, old: bytes, new: bytes) -> bytes:
    joint = new if _grows(old, new) else b""
    return joint.join(piece.replace(old, new) for piece in _outside(text, old, new))


def _outside(text: bytes, old: bytes, new: bytes) -> "list[bytes]":
    """Return the pieces of `text` to search for `old`: those outside of `new`, where `new` contains `old`."""
    return text.split(new) if _grows(old, new) else [text]


def _grows(old: bytes, new: bytes) -> bool:
    return old in new


def _rules(ctx: "Work") -> "list[HtaccessBlock]":
    return ctx.job.get("document_root", {}).get("htaccess_blocks", [])


def _temporary(ctx: "Work") -> str:
    """Return the path new content is written to: on the same file system, closed to other users."""
    staging.ensure(ctx.staging)
    return os.path.join(ctx.staging, TEMPORARY)


#: Status of a file that was not read yet; only a file that was read may be replaced.
_UNREAD: "Any" = None


class _Place:
    """One plain file below `root` (str), reached without following a link; `path` is relative, bytes.

    Raises ShoplaunchError `edit_mismatch` when it is absent, `path_refused` if it is no plain file there; OSError.
    """

    def __init__(self, root: str, path: bytes) -> None:
        self._path = path
        self._found: "os.stat_result" = _UNREAD
        folder, _, self._name = path.rpartition(b"/")
        self._folder = os.open(root, _FOLDER_FLAGS)
        try:
            for part in folder.split(b"/") if folder else []:
                inner = os.open(part, _FOLDER_FLAGS, dir_fd=self._folder)
                os.close(self._folder)
                self._folder = inner
        except FileNotFoundError:
            self.close()
            raise self._absent() from None
        except OSError as error:
            self.close()
            raise self._refused("its folder: {}".format(error.strerror)) from None

    def close(self) -> None:
        """Close the folder."""
        os.close(self._folder)

    def read(self) -> bytes:
        """Return the file's content (bytes)."""
        try:
            descriptor = os.open(self._name, _FILE_FLAGS, dir_fd=self._folder)
        except FileNotFoundError:
            raise self._absent() from None
        except OSError as error:
            raise self._refused(error.strerror) from None
        with os.fdopen(descriptor, "rb") as stream:
            self._found = os.fstat(stream.fileno())
            if not stat.S_ISREG(self._found.st_mode) or self._found.st_uid != os.geteuid():
                raise self._refused("no plain file of this account")
            if self._found.st_size > MAX_BYTES:
                raise self._refused("larger than {} bytes".format(MAX_BYTES))
            return stream.read()

    def replace(self, data: bytes, temporary: str) -> None:
        """Replace the content by `data` and keep the mode; write it as `temporary` (path), then rename it."""
        write_durably(temporary, data, stat.S_IMODE(self._found.st_mode))
        now = os.stat(self._name, dir_fd=self._folder, follow_symlinks=False)
        if (now.st_ino, now.st_mtime_ns, now.st_size) != (
            self._found.st_ino,
            self._found.st_mtime_ns,
            self._found.st_size,
        ):
            raise ShoplaunchError("edit_mismatch", "{!r} was changed meanwhile".format(self._path[-120:]))
        os.rename(temporary, self._name, dst_dir_fd=self._folder)
        os.fsync(self._folder)

    def _absent(self) -> "ShoplaunchError":
        return ShoplaunchError("edit_mismatch", "there is no {!r}".format(self._path[-120:]))

    def _refused(self, reason: "str | None") -> "ShoplaunchError":
        return ShoplaunchError("path_refused", "{!r}: {}".format(self._path[-120:], reason))
