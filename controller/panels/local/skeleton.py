"""Files that new accounts are created with: launcher, agent and an optional bundle in the skeleton's `.shoplaunch`."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

from controller.files import sync_folder, write_durably
from controller.panels.base import SkeletonFiles, SkeletonStatus
from controller.panels.local.settings import LocalSettings
from shared.encoding import sha256_file, sha256_hex
from shared.errors import ShoplaunchError
from shared.job import AGENT_FILE, BUNDLE_FILE, FOLDER, LAUNCHER_FILE

#: `useradd` copies modes as they are.
FOLDER_MODE = 0o700
FILE_MODE = 0o600
LAUNCHER_MODE = 0o700


class Skeleton:
    """The server's skeleton folder; it lies in root's own tree, and only root can read its content."""

    def __init__(self, settings: LocalSettings) -> None:
        self._root = Path(settings.skeleton)
        self._source = Path(settings.skeleton_source)
        self._folder = self._root / FOLDER

    def status(self) -> SkeletonStatus:
        """Return the files that new accounts are created with now."""
        bundle = self._folder / BUNDLE_FILE
        return SkeletonStatus(
            launcher_sha256=_digest(self._folder / LAUNCHER_FILE),
            agent_sha256=_digest(self._folder / AGENT_FILE),
            bundle_sha256=_digest(bundle),
            bundle_bytes=bundle.stat().st_size if bundle.is_file() else 0,
        )

    def ensure(self, files: SkeletonFiles) -> SkeletonStatus:
        """Ensure that new accounts are created with exactly these files. Raises bundle_missing, file_error."""
        wanted = SkeletonStatus(
            launcher_sha256=sha256_hex(files.launcher),
            agent_sha256=sha256_hex(files.agent),
            bundle_sha256=_bundle_digest(files.bundle_path),
            bundle_bytes=Path(files.bundle_path).stat().st_size if files.bundle_path else 0,
        )
        self._ensure_folder()
        self._remove_others({LAUNCHER_FILE, AGENT_FILE} | ({BUNDLE_FILE} if files.bundle_path else set()))
        if files.bundle_path:
            self._place_bundle(Path(files.bundle_path), wanted.bundle_sha256)
        self._place(AGENT_FILE, files.agent, FILE_MODE)
        self._place(LAUNCHER_FILE, files.launcher, LAUNCHER_MODE)
        found = self.status()
        if found != wanted:
            raise ShoplaunchError("file_error", f"the skeleton {self._folder} does not read back as it was written")
        return found

    def remove(self) -> None:
        """Remove Shoplaunch's files from the skeleton; its other content stays."""
        if self._folder.is_symlink():
            raise ShoplaunchError("path_refused", f"{self._folder} is a link")
        if self._folder.exists():
            shutil.rmtree(self._folder)
            sync_folder(self._root)

    def _ensure_folder(self) -> None:
        if not self._root.exists():
            self._root.parent.mkdir(parents=True, exist_ok=True)
            fresh = self._root.with_name(self._root.name + ".new")
            if fresh.exists():
                shutil.rmtree(fresh)
            if self._source.is_dir():
                shutil.copytree(self._source, fresh, symlinks=True)
            else:
                fresh.mkdir()
            fresh.chmod(0o755)
            fresh.rename(self._root)
        for folder in (self._root, self._folder):
            if not os.path.lexists(folder):
                folder.mkdir(mode=FOLDER_MODE)
            status = folder.lstat()
            if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
                raise ShoplaunchError("path_refused", f"{folder} is not a folder of root")
        if stat.S_IMODE(self._folder.stat().st_mode) != FOLDER_MODE:
            self._folder.chmod(FOLDER_MODE)

    def _remove_others(self, wanted: set[str]) -> None:
        for path in self._folder.iterdir():
            if path.name not in wanted:
                path.unlink()

    def _place(self, name: str, content: bytes, mode: int) -> None:
        path = self._folder / name
        if _has_mode(path, mode) and _digest(path) == sha256_hex(content):
            return
        write_durably(path, content, mode)

    def _place_bundle(self, source: Path, digest: str | None) -> None:
        path = self._folder / BUNDLE_FILE
        if _has_mode(path, FILE_MODE) and _digest(path) == digest:
            return
        temporary = path.with_name(f".{path.name}.new")
        shutil.copyfile(source, temporary)
        temporary.chmod(FILE_MODE)
        with temporary.open("rb") as stream:
            os.fsync(stream.fileno())
        temporary.rename(path)
        sync_folder(path.parent)


def _bundle_digest(path: str | None) -> str | None:
    if path is None:
        return None
    if not Path(path).is_file():
        raise ShoplaunchError("bundle_missing", f"there is no bundle {path}")
    return str(sha256_file(path))


def _digest(path: Path) -> str | None:
    return str(sha256_file(path)) if path.is_file() and not path.is_symlink() else None


def _has_mode(path: Path, mode: int) -> bool:
    return path.is_file() and not path.is_symlink() and stat.S_IMODE(path.stat().st_mode) == mode
