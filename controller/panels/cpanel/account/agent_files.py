"""Launcher and agent in an account or a skeleton that only accepts text: write, recognise, remove."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from controller.agent_archive.ascii_armor import armored
from controller.panels.base import SkeletonFiles, SkeletonStatus
from controller.panels.cpanel.account.file_rows import mode_of
from controller.panels.cpanel.account.files import NEW
from shared.encoding import sha256_hex
from shared.errors import ShoplaunchError
from shared.job import AGENT_FILE, BUNDLE_FILE, FOLDER, JOB_FILE, LAUNCHER_FILE, STAMP_FILE

FILE_MODE = 0o600
LAUNCHER_MODE = 0o700
#: The files that must be in the folder when the agent may begin, except a bundle.
MODES = {LAUNCHER_FILE: LAUNCHER_MODE, AGENT_FILE: FILE_MODE, JOB_FILE: FILE_MODE, STAMP_FILE: FILE_MODE}
_STAMP_BYTES = 4096
#: No text file of Shoplaunch is larger.
_TEXT_BYTES = 4 * 1024 * 1024
#: The first bytes of an agent that has replaced its text form.
_ZIP = b"PK"
Rows = Mapping[str, Mapping[str, Any]]


class Store(Protocol):
    """The required operations on an account's files; see controller.panels.cpanel.account.files.Files."""

    def entries(self, path: str) -> Rows | None:
        """Return name -> the panel's row (type, size, mode), None when there is no such folder."""

    def read(self, path: str, limit: int) -> bytes | None:
        """Return a text file's first `limit` bytes, None when there is none."""

    def put(self, path: str, content: bytes, mode: int) -> None:
        """Make the file hold this text with this mode."""

    def put_last(self, path: str, content: bytes, mode: int) -> None:
        """Do the same after all earlier files are there."""

    def ensure_folder(self, path: str) -> None:
        """Ensure that the folder exists; folders of the agent are closed to everybody else."""

    def remove(self, path: str) -> None:
        """Remove the file or folder with its content, if it exists."""

    def ensure_mode(self, path: str, mode: int) -> None:
        """Ensure that the file, if it exists, has this mode."""


@dataclass(frozen=True)
class Stamp:
    """A record of the files put into a folder: digest and possible sizes of each. It is written last."""

    files: dict[str, tuple[str, tuple[int, ...]]]

    @classmethod
    def of(cls, files: SkeletonFiles, bundle: tuple[str, int] | None = None) -> Stamp:
        """Return the stamp of launcher and agent, which is text until its first start, and optionally a bundle."""
        sizes = (len(files.agent), len(armored(files.agent)))
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
        """Return the stamp in its written form."""
        rows = {name: {"sha256": digest, "sizes": list(sizes)} for name, (digest, sizes) in self.files.items()}
        return json.dumps(rows, sort_keys=True).encode("ascii") + b"\n"

    def digest(self, name: str, found: Rows) -> str | None:
        """Return the digest of the file `name`, None unless it is there as it was put."""
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
    """Ensure that `folder` is closed to others and holds this launcher and agent (as text until its first start).

    With `anew` both are written whatever their stamp says. The launcher follows the agent: until it exists, the cron
    line does nothing. Raises panel_*, path_refused; panel_refused for a bundle: this way cannot write one.
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
        files.put(f"{folder}/{AGENT_FILE}", armored(wanted.agent), FILE_MODE)
    if now.digest(LAUNCHER_FILE, found) != stamp.files[LAUNCHER_FILE][0]:
        files.put(f"{folder}/{LAUNCHER_FILE}", wanted.launcher, LAUNCHER_MODE)
    if BUNDLE_FILE in now.files:
        # A bundle that the account was created with stays as it is
        stamp.files[BUNDLE_FILE] = now.files[BUNDLE_FILE]
    files.put_last(f"{folder}/{STAMP_FILE}", stamp.text(), FILE_MODE)


def complete(files: Store, wanted: SkeletonFiles) -> None:
    """Complete what `ensure` leaves for last: modes, and a stamp where launcher and agent are these.

    Nothing is changed where an agent has begun: it tidies up itself. Raises panel_*.
    """
    found, stamp = files.entries(FOLDER) or {}, Stamp.of(wanted)
    now = _stamp(files, FOLDER, found)
    if not _is_current(stamp, now, found) and _are_there(files, wanted, found):
        # Read again: nothing is written where an agent has begun meanwhile, or has ended
        found = files.entries(FOLDER) or {}
        if found and not has_begun(found):
            stamp.files.update({name: known for name, known in now.files.items() if name == BUNDLE_FILE})
            files.put(f"{FOLDER}/{STAMP_FILE}", stamp.text(), FILE_MODE)
    if not has_begun(found):
        _close(files, FOLDER, found, MODES)


def has_begun(found: Rows) -> bool:
    """Return whether there is any file that only an agent creates."""
    return any(name.removesuffix(NEW) not in (*MODES, BUNDLE_FILE) for name in found)


def _are_there(files: Store, wanted: SkeletonFiles, found: Rows) -> bool:
    """Return whether launcher and agent (as text) are exactly these: sizes do not tell one key from another."""
    texts = {LAUNCHER_FILE: wanted.launcher, AGENT_FILE: armored(wanted.agent)}
    return all(
        _size(found, name) == len(text) and files.read(f"{FOLDER}/{name}", len(text) + 1) == text
        for name, text in texts.items()
    )


def _close(files: Store, folder: str, found: Rows, names: Iterable[str]) -> None:
    """Close these files to everybody else, if they exist: the process that put them may have been killed before.

    A more restrictive mode, which a server may have set, is kept.
    """
    for name in names:
        if _size(found, name) >= 0 and (mode_of(found[name]) or 0) & ~MODES[name]:
            files.ensure_mode(f"{folder}/{name}", MODES[name])


def _is_current(stamp: Stamp, now: Stamp, found: Rows) -> bool:
    names = (AGENT_FILE, LAUNCHER_FILE)
    return all(now.digest(name, found) == stamp.files[name][0] for name in names)


def status(files: Store, folder: str = FOLDER) -> SkeletonStatus:
    """Return the content of `folder`, as far as it is there as it was put."""
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
    """Return the digest of a file, None when there is none; the recorded one for files of Shoplaunch.

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
    """Return name -> digest of launcher and agent, read back, None for missing ones; without a non-text agent."""
    listed, found = files.entries(FOLDER) or {}, dict[str, str | None]()
    for name in (LAUNCHER_FILE, AGENT_FILE):
        content = files.read(f"{FOLDER}/{name}", _TEXT_BYTES) if name in listed else None
        if content is None or not content.startswith(_ZIP):
            found[name] = None if content is None else sha256_hex(content)
    return found


def holds_bundle(files: Store, sha256: str, size: int, folder: str = FOLDER) -> bool:
    """Return whether the account's bundle has this size, and is no other one as far as recorded."""
    found = files.entries(folder) or {}
    if _size(found, BUNDLE_FILE) != size:
        return False
    return _stamp(files, folder, found).digest(BUNDLE_FILE, found) in (sha256, None)


def remove(files: Store, folder: str = FOLDER) -> None:
    """Remove the folder completely. Raises panel_*."""
    files.remove(folder)


def _stamp(files: Store, folder: str, found: Rows) -> Stamp:
    if STAMP_FILE not in found:
        return Stamp({})
    return Stamp.parse(files.read(f"{folder}/{STAMP_FILE}", _STAMP_BYTES))
