"""Files of one account: text through UAPI's Fileman; folders, modes and removals through API 2."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field, replace
from typing import Any

from controller.panels.cpanel.account.cron import CRON_MARK, Crontab
from controller.panels.cpanel.account.file_rows import is_link, mode_of, name_of, rows_of, size_of
from controller.panels.cpanel.account_cache import LISTING, READING, AccountCache, Started
from controller.panels.cpanel.api.answers import Answer
from controller.panels.cpanel.api.whm import Whm
from controller.panels.cpanel.operations import Operation, Reasons
from shared.errors import ShoplaunchError
from shared.job import AGENT_FILE, BUNDLE_FILE, FOLDER, LAUNCHER_FILE, STAMP_FILE

FEATURE = "filemanager"

FOLDER_MODE = 0o700
OTHER_FOLDER_MODE = 0o755
#: Suffix of a file until it is complete and closed to others.
NEW = ".new"
#: The files that an account may be created with: any other file is from an agent.
BORN_WITH = (LAUNCHER_FILE, AGENT_FILE, STAMP_FILE, BUNDLE_FILE)
#: A file is replaced in three calls; each may be the one without an answer.
TRIES = 3
#: Size of an answer with a file's text: up to six bytes for one, and the envelope.
ESCAPED_BYTES, ENVELOPE_BYTES = 6, 64 * 1024
#: Where folders are removed entry by entry, each takes a call, and the account may hold any number of them.
MOST_AT_ONCE = 200
#: The listing of a folder with some ten thousand entries.
FOLDER_BYTES = 16 * 1024 * 1024
_STAMP = f"{FOLDER}/{STAMP_FILE}"
_UTF8: dict[str, Any] = {"from_charset": "UTF-8", "to_charset": "UTF-8"}


@dataclass(frozen=True)
class _File:
    """A file to write; `whole`: replace it atomically, because a process may be reading it."""

    path: str
    text: str = field(repr=False)
    content: bytes = field(repr=False)
    mode: int
    whole: bool


class Files:
    """The files below the home of the account `user`; paths are relative to it."""

    def __init__(self, whm: Whm, cache: AccountCache, reasons: Reasons, user: str, home: str) -> None:
        self._whm = whm
        self._cache = cache
        self._reasons = reasons
        self._user = user
        self._home = home
        #: This object has put a file; its modes, and the files of `put_last`, are under way or done.
        self.has_put = False
        self._folder: Started | None = None
        #: The agent's folders that exist and are closed to others.
        self._closed: set[str] = set()
        self._begun: list[tuple[_File, Started]] = []
        self._last: list[_File] = []
        self._late: list[tuple[_File, Started]] = []
        self._modes: list[tuple[list[_File], Started]] = []
        self._extra: Started | None = None

    # -- reading ------------------------------------------------------------------------------------------------

    def entries(self, path: str) -> dict[str, dict[str, Any]] | None:
        """Return name -> the panel's row (type, size, mode …) of a folder's entries, None without such a folder."""
        checked(path)
        answer = self._cache.see("folder") if path == FOLDER else self._list(path)
        if answer.ok:
            return {name_of(row): row for row in rows_of(answer.data) if name_of(row)}
        if path in (".", ""):
            raise self._reasons.of_home(self._home, FEATURE)(answer.text)
        if path == FOLDER and self._folder is not None:
            # It is only being created
            return None
        above = self.entries(posixpath.dirname(path) or ".")
        if above is not None and posixpath.basename(path) in above:
            raise self._reasons.of(f"the folder {path}", FEATURE)(answer.text)
        return None

    def _list(self, path: str) -> Answer:
        folder = "" if path == "." else path
        where = f"{self._home}/{folder}".rstrip("/")
        return self._whm.uapi(
            self._user, "Fileman", "list_files", read_only=True, limit=FOLDER_BYTES, dir=where, **LISTING
        )

    def entry(self, path: str) -> dict[str, Any] | None:
        """Return the panel's row of one file, None when it does not exist."""
        found = self.entries(posixpath.dirname(checked(path)) or ".")
        return None if found is None else found.get(posixpath.basename(path))

    def read_whole(self, path: str, limit: int) -> bytes | None:
        """Return a text file's bytes, None when it does not exist. Its size is checked first, as the account may have
        written it. Raises path_refused for links, file_too_large above `limit` bytes."""
        found = self.entry(path)
        if found is None:
            return None
        if is_link(found):
            raise ShoplaunchError("path_refused", f"{path} is a link")
        size = size_of(found)
        content = self.read(path, limit + 1) if size is None or size <= limit else None
        if content is None and size is not None and size <= limit:
            # Removed since
            return None
        if content is None or len(content) > limit:
            raise ShoplaunchError("file_too_large", f"{path} of {self._user} has more than {limit} bytes")
        return content

    def read(self, path: str, limit: int) -> bytes | None:
        """Return a text file's first `limit` bytes, None when it does not exist. Raises path_refused for links."""
        folder, name = posixpath.split(checked(path))
        if path == _STAMP:
            answer = self._cache.see("stamp")
        else:
            where = self._whole(folder)
            answer = self._whm.uapi(
                self._user, "Fileman", "get_file_content",
                read_only=True, limit=ESCAPED_BYTES * limit + ENVELOPE_BYTES, dir=where, file=name, **READING,
            )  # fmt: skip
        if answer.ok and isinstance(answer.data, dict):
            return str(answer.data.get("content") or "").encode("utf-8", "surrogateescape")[:limit]
        found = self.entry(path)
        if found is None:
            return None
        if is_link(found):
            raise ShoplaunchError("path_refused", f"{path} is a link")
        raise self._reasons.of(f"reading {path}", FEATURE, files=True)(answer.text)

    # -- changing -----------------------------------------------------------------------------------------------

    def begin_folder(self) -> None:
        """Begin to create the agent's folder, or to close an existing one, in parallel with other work."""
        there = self._cache.see("folder").ok
        self._folder = Started(lambda: self._chmod(FOLDER_MODE, FOLDER) if there else self._mkdir(FOLDER, FOLDER_MODE))

    def ensure_folder(self, path: str) -> None:
        """Ensure that the folder exists; folders of the agent are closed to everybody else."""
        if path in self._closed:
            return
        if path == FOLDER and self._folder is not None:
            started, self._folder = self._folder, None
            if started.succeeded() and self._cache.sharing:
                self._closed.add(path)
                if not self._cache.see("folder").ok:
                    # There was none, and nothing has been put into the new one
                    self._cache.learn("folder", Answer(True, []))
                return
            self._cache.forget("folder")
        mode = FOLDER_MODE if FOLDER in path.split("/") else OTHER_FOLDER_MODE
        found = self.entry(path)
        if found is None:
            above = posixpath.dirname(checked(path))
            if above:
                self.ensure_folder(above)
            operation = Operation(lambda: self._mkdir(path, mode))
            self._cache.forget("folder")
            if self.entry(path) is None:
                raise operation.silence or self._reasons.of(f"the folder {path}", FEATURE, files=True)(
                    operation.answer.text
                )
        elif is_link(found):
            raise ShoplaunchError("path_refused", f"{path} is a link")
        if mode == FOLDER_MODE:
            self._ensure_mode(path, mode)
            self._closed.add(path)

    def put(self, path: str, content: bytes, mode: int) -> None:
        """Write the text `content` with `mode`; while queries are shared, it is there only after `finish`.

        A file that an agent may be reading is replaced atomically. Raises disk_space, inodes, panel_refused,
        path_refused.
        """
        file = self._prepared(path, content, mode)
        self.has_put = True
        if self._cache.sharing:
            self._begun.append((file, Started(lambda: self._write(file))))
        else:
            self._put(file)

    def put_extra(self, path: str, content: bytes) -> None:
        """Begin to write a uniquely named file, with the panel's default mode; `wait_for_extra` returns the result.

        Nothing may depend on this file.
        """
        file = _File(checked(path), _text(path, content), content, 0, False)
        self._extra = Started(lambda: self._save(file))

    def wait_for_extra(self, seconds: float) -> bool | None:
        """Wait `seconds` at most; return whether the file of `put_extra` was written, None where that is unknown."""
        answer = self._extra.within(seconds) if self._extra is not None else None
        return None if answer is None else answer.ok

    def put_last(self, path: str, content: bytes, mode: int) -> None:
        """Do the same after all earlier files are there; while queries are shared, it is there only after `settle`."""
        if self._cache.sharing:
            self._last.append(self._prepared(path, content, mode))
        else:
            self.put(path, content, mode)

    def _prepared(self, path: str, content: bytes, mode: int) -> _File:
        text = _text(checked(path), content)
        folder = posixpath.dirname(path)
        if folder:
            self.ensure_folder(folder)
        found = self.entries(folder or ".") or {}
        whole = (
            self._may_be_read(found) if self._cache.sharing and folder == FOLDER else posixpath.basename(path) in found
        )
        return _File(path, text, content, mode, whole)

    def _may_be_read(self, found: dict[str, dict[str, object]]) -> bool:
        """Return whether an agent may be at work in its folder, which holds `found`, or may be started by cron."""
        crontab = self._cache.see("crontab")
        as_born = all(name in BORN_WITH and str(row.get("type") or "file") == "file" for name, row in found.items())
        return not as_born or not crontab.ok or any(CRON_MARK in line.command for line in Crontab.read(crontab))

    def finish(self) -> None:
        """Wait for the files of `put`; their modes and the files of `put_last` follow in parallel with later work."""
        begun, self._begun = self._begun, []
        if begun:
            self._cache.forget("folder", "stamp")
        # No write may be under way when its file is written again, or given up
        answered = [(file, started.succeeded()) for file, started in begun]
        self._begin_modes([file for file, done in answered if self._is_written(file, done)])
        last, self._last = self._last, []
        self._late += [(file, Started(lambda file=file: self._write(file))) for file in last]  # type: ignore[misc]

    def settle(self) -> None:
        """Wait until everything that was begun is over; an agent that was faster may have tidied up already."""
        # A later failure concerns no file any more
        had_put, self.has_put = self.has_put, False
        self.finish()
        late, self._late = self._late, []
        self._begin_modes([file for file, started in late if self._is_written(file, started.succeeded())])
        modes, self._modes = self._modes, []
        for files, started in modes:
            if not started.succeeded():
                for file in files:
                    self.ensure_mode(file.path, file.mode)
        self.has_put = had_put
        self._cache.forget("folder", "stamp")

    def _is_written(self, file: _File, done: bool) -> bool:
        """Return whether the file only lacks its mode; where that is unknown it is written once more, with its mode."""
        if done:
            return True
        if self._there(posixpath.dirname(file.path)):
            self._put(replace(file, whole=file.whole or self._there(file.path)))
        return False

    def _begin_modes(self, files: list[_File]) -> None:
        for mode in sorted({file.mode for file in files}):
            same = [file for file in files if file.mode == mode]
            paths = [file.path for file in same]
            self._modes.append((same, Started(lambda paths=paths, mode=mode: self._chmod(mode, *paths))))  # type: ignore[misc]

    def _put(self, file: _File) -> None:
        for left in reversed(range(TRIES if file.whole else 1)):
            operation = Operation(lambda: self._write(file))
            self._cache.forget("folder", "stamp")
            if self.read(file.path, len(file.content) + 1) == file.content:
                if file.whole and operation.silence is not None:
                    Operation(lambda: self._fileop("unlink", file.path + NEW))
                break
            if operation.silence is None or not left:
                raise operation.silence or self._reasons.of(f"writing {file.path}", FEATURE, files=True)(
                    operation.answer.text
                )
        self._ensure_mode(file.path, file.mode)

    def _write(self, file: _File) -> Answer:
        """Save the file; one that may be read is first written and closed to others under another name."""
        if not file.whole:
            return self._save(file)
        new = file.path + NEW
        saved = self._save(replace(file, path=new))
        closed = self._chmod(file.mode, new) if saved.ok else saved
        return self._replace(new, file.path) if closed.ok else closed

    def _replace(self, new: str, path: str) -> Answer:
        """Rename the file `new` to `path`."""
        moved = self._fileop("rename", new, target=path)
        if moved.ok:
            return moved
        # For servers where renaming replaces nothing
        self._fileop("unlink", path)
        return self._fileop("rename", new, target=path)

    def _save(self, file: _File) -> Answer:
        folder, name = posixpath.split(file.path)
        return self._whm.uapi(
            self._user, "Fileman", "save_file_content",
            dir=self._whole(folder), file=name, content=file.text, fallback="0", **_UTF8,
        )  # fmt: skip

    def remove(self, path: str) -> None:
        """Remove the file or folder with its content, if it exists. Raises RemovalUnanswered."""
        self._closed.clear()
        if self._there(path):
            operation = Operation(lambda: self._fileop("unlink", path))
            self._cache.forget("folder")
            if operation.removed(lambda: self._there(path)):
                self._remove_piecewise(path, MOST_AT_ONCE)
            if self._there(path):
                raise operation.silence or self._reasons.of(f"removing {path}", FEATURE)(operation.answer.text)

    def _remove_piecewise(self, path: str, most: int) -> int:
        """Remove a folder on servers that unlink only empty ones: first its entries, one a call. Return how many of the
        `most` calls are left. Raises leftovers when they do not suffice: the next try removes the rest."""
        for name, row in (self.entries(path) or {}).items():
            inner = checked(f"{path}/{name}")
            if most <= 0:
                raise ShoplaunchError("leftovers", f"{path} of {self._user} holds more than is removed at once")
            if str(row.get("type")) == "dir":
                most = self._remove_piecewise(inner, most - 1)
            else:
                Operation(lambda inner=inner: self._fileop("unlink", inner))  # type: ignore[misc]
                most -= 1
        Operation(lambda: self._fileop("unlink", path))
        self._cache.forget("folder")
        return most

    def ensure_mode(self, path: str, mode: int) -> None:
        """Ensure that the file, if it exists, has this mode."""
        if self._there(path):
            self._ensure_mode(path, mode, needed=False)

    def _there(self, path: str) -> bool:
        return self.entry(path) is not None

    def _ensure_mode(self, path: str, mode: int, *, needed: bool = True) -> None:
        found = self.entry(path)
        if found is not None and mode_of(found) == mode:
            return
        operation = Operation(lambda: self._chmod(mode, path))
        self._cache.forget("folder")
        found = self.entry(path)
        if needed if found is None else mode_of(found) not in (None, mode):
            raise operation.silence or self._reasons.of(f"the mode of {path}", FEATURE)(operation.answer.text)

    def _mkdir(self, path: str, mode: int) -> Answer:
        above, name = posixpath.split(path)
        return self._whm.api2(
            self._user, "Fileman", "mkdir", path=self._whole(above), name=name, permissions=f"{mode:04o}"
        )

    def _chmod(self, mode: int, *paths: str) -> Answer:
        return self._fileop("chmod", *paths, metadata=f"{mode:04o}")

    def _fileop(self, operation: str, *paths: str, metadata: str | None = None, target: str | None = None) -> Answer:
        return self._whm.api2(
            self._user, "Fileman", "fileop", op=operation, sourcefiles=",".join(map(self._whole, paths)),
            destfiles=None if target is None else self._whole(target), metadata=metadata, doubledecode="0",
        )  # fmt: skip

    def _whole(self, path: str) -> str:
        return f"{self._home}/{path}".rstrip("/")


def _text(path: str, content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise ShoplaunchError("panel_refused", f"{path} is no text; only text can be written here") from None


def checked(path: str) -> str:
    """Return `path` when it is a plain path below the home. Raises path_refused."""
    if path == ".":
        return path
    parts = path.split("/")
    # The panel takes several files separated by commas
    if any(part in ("", ".", "..") for part in parts) or any(letter in path for letter in ",\0\n\r"):
        raise ShoplaunchError("path_refused", f"not a path below the home: {path[:80]!r}")
    return path
