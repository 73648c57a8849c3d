"""Launcher and agent in an account or a skeleton that only takes text: put there, recognised, removed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from controller.agent_archive.ascii_armor import armoured
from controller.panels.base import SkeletonFiles, SkeletonStatus
from controller.panels.cpanel.file_rows import mode_of
from controller.panels.cpanel.files import NEW
from shared.encoding import sha256_hex
from shared.errors import ShoplaunchError
from shared.job import AGENT_FILE, BUNDLE_FILE, FOLDER, JOB_FILE, LAUNCHER_FILE, STAMP_FILE

FILE_MODE = 0o600
LAUNCHER_MODE = 0o700
#: What lies in the folder when the agent may begin, but for a bundle.
MODES = {LAUNCHER_FILE: LAUNCHER_MODE, AGENT_FILE: FILE_MODE, JOB_FILE: FILE_MODE, STAMP_FILE: FILE_MODE}
_STAMP_BYTES = 4096
#: No text file of ours is larger.
_TEXT_BYTES = 4 * 1024 * 1024
#: How an agent begins that has put itself in the place of its text.
_ZIP = b"PK"
Rows = Mapping[str, Mapping[str, Any]]


class Store(Protocol):
    """What is needed of an account's files; see controller.panels.cpanel.files.Files."""

    def entries(self, path: str) -> Rows | None:
        """Return name -> what the panel says of it (type, size, mode), None when there is no such folder."""

    def read(self, path: str, limit: int) -> bytes | None:
        """Return a text file's first `limit` bytes, None when there is none."""

    def put(self, path: str, content: bytes, mode: int) -> None:
        """The file holds this text and has this mode."""

    def put_last(self, path: str, content: bytes, mode: int) -> None:
        """The same once everything that was put before is there."""

    def ensure_folder(self, path: str) -> None:
        """The folder is there; ours are closed to everybody else."""

    def remove(self, path: str) -> None:
        """The file or folder, with all that is in it, is not there."""

    def ensure_mode(self, path: str, mode: int) -> None:
        """The file, if it is there, has this mode."""


@dataclass(frozen=True)
class Stamp:
    """What was put into a folder: digest and the sizes it may have, of each file. The last file to be written."""

    files: dict[str, tuple[str, tuple[int, ...]]]

    @classmethod
    def of(cls, files: SkeletonFiles, bundle: tuple[str, int] | None = None) -> Stamp:
        """Return the stamp of launcher and agent, which is text until its first start, and maybe a bundle."""
        sizes = (len(files.agent), len(armoured(files.agent)))
        known = {
            LAUNCHER_FILE: (sha256_hex(files.launcher), (len(files.launcher),)),
            AGENT_FILE: (sha256_hex(files.agent), sizes),
        }
        if bundle is not None:
            known[BUNDLE_FILE] = (bundle[0], (bundle[1],))
        return cls(known)

    @classmethod
    def parse(cls, text: bytes | None) -> Stamp:
        """Return the stamp in `text`; an empty one for anything else."""
        try:
            rows = json.loads((text or b"{}").decode("ascii"))
            return cls({name: _parsed(row) for name, row in rows.items()})
        except (ValueError, AttributeError, TypeError, KeyError, OverflowError, RecursionError):
            return cls({})

    def text(self) -> bytes:
        """Return the stamp as it is written."""
        rows = {name: {"sha256": digest, "sizes": list(sizes)} for name, (digest, sizes) in self.files.items()}
        return json.dumps(rows, sort_keys=True).encode("ascii") + b"\n"

    def digest(self, name: str, found: Rows) -> str | None:
        """Return the digest of the file `name`, None unless it lies there as it was put."""
        digest, sizes = self.files.get(name, ("", ()))
        return digest if _size(found, name) in sizes else None


def _size(found: Rows, name: str) -> int:
    """Return the size of the file `name`, -1 when there is no such file."""
    row = found.get(name, {})
    try:
        return int(row.get("size", -1)) if str(row.get("type") or "file") == "file" else -1
    except (TypeError, ValueError):
        return -1


def _parsed(row: Any) -> tuple[str, tuple[int, ...]]:
    return str(row["sha256"]), tuple(int(size) for size in row["sizes"])


def ensure(files: Store, wanted: SkeletonFiles, folder: str = FOLDER, *, anew: bool = False) -> None:
    """`folder` is closed to others and holds this launcher and agent, the agent as text until its first start.

    With `anew` both are put there whatever their stamp says. The launcher comes after the agent: until it is there the
    cron line does nothing. Raises panel_*, path_refused; panel_refused for a bundle: none can be put there this way.
    """
    if wanted.bundle_path is not None:
        raise ShoplaunchError("panel_refused", "a bundle cannot be put into an account through WHM; agents fetch it")
    files.ensure_folder(folder)
    found = files.entries(folder) or {}
    stamp, now = Stamp.of(wanted), _stamp(files, folder, found)
    if anew:
        now = Stamp({name: known for name, known in now.files.items() if name == BUNDLE_FILE})
    if _is_current(stamp, now, found):
        _close(files, folder, found, (AGENT_FILE, LAUNCHER_FILE, STAMP_FILE))
        return
    if now.digest(AGENT_FILE, found) != stamp.files[AGENT_FILE][0]:
        files.put(f"{folder}/{AGENT_FILE}", armoured(wanted.agent), FILE_MODE)
    if now.digest(LAUNCHER_FILE, found) != stamp.files[LAUNCHER_FILE][0]:
        files.put(f"{folder}/{LAUNCHER_FILE}", wanted.launcher, LAUNCHER_MODE)
    if BUNDLE_FILE in now.files:
        # What the account was born with stays as it is
        stamp.files[BUNDLE_FILE] = now.files[BUNDLE_FILE]
    files.put_last(f"{folder}/{STAMP_FILE}", stamp.text(), FILE_MODE)


def complete(files: Store, wanted: SkeletonFiles) -> None:
    """What `ensure` leaves for last is there: modes, and a stamp where launcher and agent are these.

    Nothing is touched where an agent has begun: it tidies up itself. Raises panel_*.
    """
    found, stamp = files.entries(FOLDER) or {}, Stamp.of(wanted)
    now = _stamp(files, FOLDER, found)
    if not _is_current(stamp, now, found) and _are_there(files, wanted, found):
        # Once more: nothing is put where an agent has begun meanwhile, or has left
        found = files.entries(FOLDER) or {}
        if found and not has_begun(found):
            stamp.files.update({name: known for name, known in now.files.items() if name == BUNDLE_FILE})
            files.put(f"{FOLDER}/{STAMP_FILE}", stamp.text(), FILE_MODE)
    if not has_begun(found):
        _close(files, FOLDER, found, MODES)


def has_begun(found: Rows) -> bool:
    """Tell whether there is anything that only an agent makes."""
    return any(name.removesuffix(NEW) not in (*MODES, BUNDLE_FILE) for name in found)


def _are_there(files: Store, wanted: SkeletonFiles, found: Rows) -> bool:
    """Tell whether launcher and agent (as text) are these to the last letter: sizes tell no key from another."""
    texts = {LAUNCHER_FILE: wanted.launcher, AGENT_FILE: armoured(wanted.agent)}
    return all(
        _size(found, name) == len(text) and files.read(f"{FOLDER}/{name}", len(text) + 1) == text
        for name, text in texts.items()
    )


def _close(files: Store, folder: str, found: Rows, names: Iterable[str]) -> None:
    """Those of these files that were found lie open to nobody else: whoever put them may have been killed before.

    A server may have taken a mode of less.
    """
    for name in names:
        if _size(found, name) >= 0 and (mode_of(found[name]) or 0) & ~MODES[name]:
            files.ensure_mode(f"{folder}/{name}", MODES[name])


def _is_current(stamp: Stamp, now: Stamp, found: Rows) -> bool:
    names = (AGENT_FILE, LAUNCHER_FILE)
    return all(now.digest(name, found) == stamp.files[name][0] for name in names)


def status(files: Store, folder: str = FOLDER) -> SkeletonStatus:
    """Return what `folder` holds, as far as it lies there as it was put."""
    found = files.entries(folder) or {}
    stamp = _stamp(files, folder, found)
    bundle = stamp.digest(BUNDLE_FILE, found)
    return SkeletonStatus(
        launcher_sha256=stamp.digest(LAUNCHER_FILE, found),
        agent_sha256=stamp.digest(AGENT_FILE, found),
        bundle_sha256=bundle,
        bundle_bytes=_size(found, BUNDLE_FILE) if bundle else 0,
    )


def file_sha256(files: Store, path: str) -> str | None:
    """Return the digest of a file, None when there is none: of our own files by what was put there.

    Raises panel_refused for other files that are no text.
    """
    folder, _, name = path.rpartition("/")
    if folder == FOLDER and name in (AGENT_FILE, LAUNCHER_FILE, BUNDLE_FILE):
        found = files.entries(folder) or {}
        if name not in found:
            return None
        digest = _stamp(files, folder, found).digest(name, found)
        if digest is not None or name == BUNDLE_FILE:
            return digest
    content = files.read(path, _TEXT_BYTES)
    return None if content is None else sha256_hex(content)


def digests(files: Store) -> dict[str, str | None]:
    """Return name -> digest of what launcher and agent hold, read back, None where they are not; without an agent that
    is no text any more."""
    listed, found = files.entries(FOLDER) or {}, dict[str, str | None]()
    for name in (LAUNCHER_FILE, AGENT_FILE):
        content = files.read(f"{FOLDER}/{name}", _TEXT_BYTES) if name in listed else None
        if content is None or not content.startswith(_ZIP):
            found[name] = None if content is None else sha256_hex(content)
    return found


def holds_bundle(files: Store, sha256: str, size: int, folder: str = FOLDER) -> bool:
    """Tell whether the account's bundle has this size, and is no other one as far as was written down."""
    found = files.entries(folder) or {}
    if _size(found, BUNDLE_FILE) != size:
        return False
    return _stamp(files, folder, found).digest(BUNDLE_FILE, found) in (sha256, None)


def remove(files: Store, folder: str = FOLDER) -> None:
    """Nothing of the folder is left. Raises panel_*."""
    files.remove(folder)


def _stamp(files: Store, folder: str, found: Rows) -> Stamp:
    if STAMP_FILE not in found:
        return Stamp({})
    return Stamp.parse(files.read(f"{folder}/{STAMP_FILE}", _STAMP_BYTES))
