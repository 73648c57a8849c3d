"""An account's files through WHM: text is all that can be written, and nothing is believed that was not looked at.

Everything is done by the panel as the account itself. Paths are relative to the home. UAPI writes and reads; what it
lacks (folders, modes, renaming, removing) is done by API 2.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from shared.errors import ShoplaunchError

_CHARSETS = {"from_charset": "utf-8", "to_charset": "utf-8"}
_LISTING = {"show_hidden": "1", "include_permissions": "1"}
OTHERS = 0o077
#: What a file is called until it is complete and closed to others.
NEW = ".new"


class Reply(Protocol):
    """One answer of the panel: whether it says it was done, what it gave, its words."""

    @property
    def ok(self) -> bool: ...
    @property
    def data(self) -> Any: ...
    @property
    def text(self) -> str: ...


class Calls(Protocol):
    """What is needed of the way to the panel; see controller.panels.cpanel.whm.Whm."""

    def uapi(self, account: str, module: str, function: str, /, *, look: bool = False, **arguments: Any) -> Reply:
        """Call UAPI as the account."""

    def api2(self, account: str, module: str, function: str, /, *, look: bool = False, **arguments: Any) -> Reply:
        """Call API 2 as the account."""


@dataclass(frozen=True)
class Entry:
    """What lies at a path; `mode` is None where the panel does not tell it."""

    name: str
    kind: str
    size: int
    mode: int | None


class TextFiles:
    """The files of the account `user` with the home `home`; `failed` makes an error of the panel's words.

    Raises panel_unreachable when no answer came and what was wanted is not there, path_refused for anything that is
    neither file nor folder, what `failed` makes of refusals.
    """

    def __init__(self, whm: Calls, user: str, home: str, failed: Callable[[str], ShoplaunchError]) -> None:
        self._whm = whm
        self._user = user
        self._home = home.rstrip("/")
        self._failed = failed

    # -- looking ----------------------------------------------------------------------------------------------------

    def listing(self, path: str) -> dict[str, Entry] | None:
        """Return name -> entry of the folder (`.`: the home), None when there is none."""
        answer = self._look("list_files", dir=self._at(path), **_LISTING)
        if answer.ok:
            return {entry.name: entry for entry in map(_entry, _rows(answer.data)) if entry is not None}
        folder, name = posixpath.split(_checked(path))
        if path == "." or name in (self.listing(folder or ".") or {}):
            raise self._failed(answer.text)
        return None

    def entry(self, path: str) -> Entry | None:
        """Return what lies at `path`, None when nothing does."""
        found = self._look("get_file_information", path=self._at(path), **_LISTING)
        if found.ok and isinstance(found.data, Mapping) and _is_no(found.data.get("exists", 1)):
            return None
        if found.ok and isinstance(found.data, Mapping):
            entry = _entry({"file": posixpath.basename(path), **found.data})
            if entry is not None:
                return entry
        folder, name = posixpath.split(_checked(path))
        return (self.listing(folder or ".") or {}).get(name)

    def read(self, path: str, limit: int | None = None) -> bytes | None:
        """Return the file's text (UTF-8) up to `limit` bytes, None when there is none."""
        folder, name = posixpath.split(_checked(path))
        more = {"update_html_document_encoding": "0"}
        answer = self._look("get_file_content", dir=self._at(folder or "."), file=name, **_CHARSETS, **more)
        if answer.ok and isinstance(answer.data, Mapping):
            return str(answer.data.get("content") or "").encode("utf-8", "surrogateescape")[:limit]
        if self.entry(path) is None:
            return None
        raise self._failed(answer.text)

    # -- changing ---------------------------------------------------------------------------------------------------

    def put(self, path: str, content: bytes, mode: int, sizes: tuple[int, ...] = ()) -> None:
        """The file holds the text `content` with `mode`, from one moment to the next; its folder is there already.

        `sizes` are others it may have at once, because it is something that changes by itself.
        Raises panel_refused for content that is no text.
        """
        new = path + NEW
        self._write(new, content)
        deeds = self._deeds()
        deeds.act(lambda: self._fileop("chmod", new, metadata=f"{mode:04o}"))
        if not deeds.said_done:
            self.close(new, mode)
        deeds = self._move(new, path)
        found = self.entry(path)
        if found is None or found.kind != "file" or found.size not in (len(content), *sizes):
            raise deeds.error(f"{path} does not read back as it was written")
        if found.mode is not None and found.mode != mode and len(content) == found.size:
            self.close(path, mode)

    def ensure_folder(self, path: str, mode: int = 0o700) -> None:
        """The folder is there, and closed to others unless `mode` opens it. Raises path_refused, panel_refused."""
        found, deeds = self.entry(path), self._deeds()
        if found is None:
            folder, name = posixpath.split(_checked(path))
            where = self._at(folder or ".")
            deeds.act(lambda: self._api2("mkdir", path=where, name=name, permissions=f"{mode:04o}"))
            found = self.entry(path)
        if found is None:
            # Some servers make the folder of a file on the way
            deeds.act(lambda: self._save(f"{path}/{NEW[1:]}", ""))
            found = self.entry(path)
        if found is None:
            raise deeds.error(f"the folder {path} cannot be made; `skeleton install` lets new accounts be born with it")
        if found.kind != "dir":
            raise ShoplaunchError("path_refused", f"{path} of {self._user} is no folder but a {found.kind}")
        if mode & OTHERS == 0 and (found.mode is None or found.mode & OTHERS):
            self.close(path, mode)

    def close(self, path: str, mode: int) -> None:
        """The file or folder has `mode`. Raises what `failed` makes of it when others could still read it."""
        found = self.entry(path)
        if found is not None and found.mode == mode:
            return
        deeds = self._deeds()
        deeds.act(lambda: self._fileop("chmod", path, metadata=f"{mode:04o}"))
        found = self.entry(path)
        told = found is not None and found.mode is not None
        if (told and found is not None and found.mode != mode) or (not told and not deeds.said_done):
            raise deeds.error(f"{path} could not be closed to others")

    def remove(self, path: str) -> None:
        """Nothing is left at `path`; a folder goes with everything in it."""
        found = self.entry(path)
        if found is None:
            return
        deeds = self._deeds()
        deeds.act(lambda: self._fileop("unlink", path))
        if self.entry(path) is None:
            return
        if found.kind == "dir":
            for name in self.listing(path) or {}:
                self.remove(f"{path}/{name}")
            deeds.act(lambda: self._fileop("unlink", path))
        if self.entry(path) is not None:
            raise deeds.error(f"{path} could not be removed")

    def _write(self, path: str, content: bytes) -> None:
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError:
            raise ShoplaunchError("panel_refused", f"{path}: through WHM only text can be written") from None
        deeds = self._deeds()
        deeds.act(lambda: self._save(path, text))
        if (deeds.said_done or deeds.silence is not None) and self.read(path) == content:
            return
        raise deeds.error(f"{path} could not be written")

    def _save(self, path: str, text: str) -> Reply:
        folder, name = posixpath.split(path)
        where = self._at(folder or ".")
        about: dict[str, Any] = {"dir": where, "file": name, "fallback": "0", **_CHARSETS}
        return self._whm.uapi(self._user, "Fileman", "save_file_content", content=text, **about)

    def _move(self, source: str, target: str) -> Deeds:
        """The file `source` is `target` now, in place of what was there."""
        deeds = self._deeds()
        deeds.act(lambda: self._fileop("rename", source, destfiles=self._at(target)))
        if not deeds.said_done and self.entry(source) is not None:
            # Where renaming does not replace
            deeds.act(lambda: self._fileop("unlink", target))
            deeds.act(lambda: self._fileop("rename", source, destfiles=self._at(target)))
        return deeds

    # -- calls ------------------------------------------------------------------------------------------------------

    def _at(self, path: str) -> str:
        return self._home if path == "." else f"{self._home}/{_checked(path)}"

    def _look(self, function: str, **arguments: Any) -> Reply:
        return self._whm.uapi(self._user, "Fileman", function, look=True, **arguments)

    def _api2(self, function: str, **arguments: Any) -> Reply:
        return self._whm.api2(self._user, "Fileman", function, **arguments)

    def _fileop(self, operation: str, path: str, **more: str) -> Reply:
        return self._api2("fileop", op=operation, sourcefiles=self._at(path), doubledecode="0", **more)

    def _deeds(self) -> Deeds:
        return Deeds(self._failed)


class Deeds:
    """Changes and how they ended; a missing answer is no answer, and the look that follows decides."""

    def __init__(self, failed: Callable[[str], ShoplaunchError]) -> None:
        self._failed = failed
        self.silence: ShoplaunchError | None = None
        self.said_done = False
        self._text = ""

    def act(self, call: Callable[[], Reply]) -> None:
        """Make the call. Raises what it raises, but panel_unreachable."""
        self.silence, self.said_done = None, False
        try:
            answer = call()
        except ShoplaunchError as error:
            if error.code != "panel_unreachable":
                raise
            self.silence = error
            return
        self.said_done = answer.ok
        if not answer.ok:
            self._text = answer.text

    def error(self, what: str) -> ShoplaunchError:
        """Return the error of a change that did not come about."""
        return self.silence or self._failed(f"{what}: {self._text}" if self._text else what)


def _checked(path: str) -> str:
    parts = path.split("/")
    if not path or any(part in ("", ".", "..") or "\0" in part or "," in part for part in parts):
        raise ShoplaunchError("path_refused", f"not a path below the home directory: {path[:120]!r}")
    return path


def _rows(data: Any) -> list[Any]:
    """Return the rows of a listing, which comes as one list or as folders and files apart."""
    if isinstance(data, Mapping):
        return [row for key in ("dirs", "files") for row in data.get(key) or []]
    return data if isinstance(data, list) else []


def _entry(row: Any) -> Entry | None:
    if not isinstance(row, Mapping) or not row.get("file"):
        return None
    kind = str(row.get("type") or "file")
    return Entry(str(row["file"]), kind, _number(row.get("size")), _mode(row))


def _mode(row: Mapping[str, Any]) -> int | None:
    """Return the permission bits: "0600" or the whole number that the system keeps."""
    nice, whole = row.get("nicemode"), row.get("mode")
    try:
        if nice not in (None, ""):
            return int(str(nice), 8) & 0o7777
        return None if whole in (None, "") else int(str(whole)) & 0o7777
    except ValueError:
        return None


def _number(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        return -1


def _is_no(value: Any) -> bool:
    return str(value).strip().lower() in ("0", "", "false", "none", "no")
