"""Launcher and agent in an account or a skeleton that only takes text: put there, recognised, removed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from controller.armour import armoured
from controller.panels.base import SkeletonFiles, SkeletonStatus
from controller.panels.cpanel.text_files import Entry, TextFiles
from shared.encoding import sha256_hex
from shared.errors import ShoplaunchError
from shared.job import AGENT_FILE, BUNDLE_FILE, FOLDER, LAUNCHER_FILE, STAMP_FILE

FOLDER_MODE = 0o700
FILE_MODE = 0o600
LAUNCHER_MODE = 0o700
_STAMP_BYTES = 4096


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
        except (ValueError, AttributeError, TypeError, KeyError):
            return cls({})

    def text(self) -> bytes:
        """Return the stamp as it is written."""
        rows = {name: {"sha256": digest, "sizes": list(sizes)} for name, (digest, sizes) in self.files.items()}
        return json.dumps(rows, sort_keys=True).encode("ascii") + b"\n"

    def digest(self, name: str, found: dict[str, Entry]) -> str | None:
        """Return the digest of the file `name`, None unless it lies there as it was put."""
        digest, sizes = self.files.get(name, ("", ()))
        entry = found.get(name)
        return digest if entry is not None and entry.kind == "file" and entry.size in sizes else None


def _parsed(row: Any) -> tuple[str, tuple[int, ...]]:
    return str(row["sha256"]), tuple(int(size) for size in row["sizes"])


def ensure(files: TextFiles, wanted: SkeletonFiles, folder: str = FOLDER) -> None:
    """`folder` is closed to others and holds this launcher and agent, the agent as text until its first start.

    The launcher comes after the agent: until it is there the cron line does nothing. Raises panel_*, path_refused;
    panel_refused for a bundle, which cannot be put there this way.
    """
    if wanted.bundle_path is not None:
        raise ShoplaunchError("panel_refused", "a bundle cannot be put into an account through WHM; agents fetch it")
    files.ensure_folder(folder, FOLDER_MODE)
    found = files.listing(folder) or {}
    stamp, now = Stamp.of(wanted), _stamp(files, folder, found)
    if _is_current(stamp, now, found):
        return
    if now.digest(AGENT_FILE, found) != stamp.files[AGENT_FILE][0]:
        text = armoured(wanted.agent)
        files.put(f"{folder}/{AGENT_FILE}", text, FILE_MODE, sizes=(len(wanted.agent),))
    if now.digest(LAUNCHER_FILE, found) != stamp.files[LAUNCHER_FILE][0]:
        files.put(f"{folder}/{LAUNCHER_FILE}", wanted.launcher, LAUNCHER_MODE)
    if BUNDLE_FILE in now.files:
        # What the account was born with stays as it is
        stamp.files[BUNDLE_FILE] = now.files[BUNDLE_FILE]
    files.put(f"{folder}/{STAMP_FILE}", stamp.text(), FILE_MODE)


def _is_current(stamp: Stamp, now: Stamp, found: dict[str, Entry]) -> bool:
    names = (AGENT_FILE, LAUNCHER_FILE)
    return all(now.digest(name, found) == stamp.files[name][0] for name in names)


def status(files: TextFiles, folder: str = FOLDER) -> SkeletonStatus:
    """Return what `folder` holds, as far as it lies there as it was put."""
    found = files.listing(folder) or {}
    stamp = _stamp(files, folder, found)
    bundle = stamp.digest(BUNDLE_FILE, found)
    return SkeletonStatus(
        launcher_sha256=stamp.digest(LAUNCHER_FILE, found),
        agent_sha256=stamp.digest(AGENT_FILE, found),
        bundle_sha256=bundle,
        bundle_bytes=found[BUNDLE_FILE].size if bundle else 0,
    )


def file_sha256(files: TextFiles, path: str) -> str | None:
    """Return the digest of a file, None when there is none: of our own files by what was put there.

    Raises panel_refused for other files that are no text.
    """
    folder, _, name = path.rpartition("/")
    if folder == FOLDER and name in (AGENT_FILE, LAUNCHER_FILE, BUNDLE_FILE):
        found = files.listing(folder) or {}
        if name not in found:
            return None
        digest = _stamp(files, folder, found).digest(name, found)
        if digest is not None or name == BUNDLE_FILE:
            return digest
    content = files.read(path)
    return None if content is None else sha256_hex(content)


def holds_bundle(files: TextFiles, sha256: str, size: int, folder: str = FOLDER) -> bool:
    """Tell whether the account's bundle has this size, and is no other one as far as was written down."""
    found = files.listing(folder) or {}
    entry = found.get(BUNDLE_FILE)
    if entry is None or entry.kind != "file" or entry.size != size:
        return False
    return _stamp(files, folder, found).digest(BUNDLE_FILE, found) in (sha256, None)


def remove(files: TextFiles, folder: str = FOLDER) -> None:
    """Nothing of the folder is left. Raises panel_*."""
    files.remove(folder)


def _stamp(files: TextFiles, folder: str, found: dict[str, Entry]) -> Stamp:
    if STAMP_FILE not in found:
        return Stamp({})
    return Stamp.parse(files.read(f"{folder}/{STAMP_FILE}", _STAMP_BYTES))
