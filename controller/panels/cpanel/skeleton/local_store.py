"""Files below a folder of root on this machine, for the skeleton of a server that the controller runs on."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Mapping
from pathlib import Path

from controller.files import sync_folder, write_durably
from shared.encoding import sha256_file
from shared.errors import ShoplaunchError

FOLDER_MODE = 0o700
OTHER_FOLDER_MODE = 0o755


class LocalStore:
    """Files below `base`, which only root can change; see controller.panels.cpanel.account.agent_files.Store.

    Raises path_refused where a link is in the way; OSError.
    """

    def __init__(self, base: Path) -> None:
        self._base = base

    def entries(self, path: str) -> Mapping[str, Mapping[str, object]] | None:
        """See Store."""
        folder = self._at(path)
        if not folder.is_dir():
            return None
        return {one.name: _row(one) for one in folder.iterdir()}

    def read(self, path: str, limit: int) -> bytes | None:
        """See Store."""
        try:
            with self._at(path).open("rb") as stream:
                return stream.read(limit)
        except FileNotFoundError:
            return None

    def put(self, path: str, content: bytes, mode: int) -> None:
        """See Store."""
        write_durably(self._at(path), content, mode)

    def put_from(self, path: str, source: Path, sha256: str, mode: int) -> None:
        """Make the file hold the content of the file `source`. Raises file_error when reading it back differs."""
        target = self._at(path)
        fresh = target.with_name(target.name + ".new")
        shutil.copyfile(source, fresh)
        fresh.chmod(mode)
        with fresh.open("rb") as stream:
            os.fsync(stream.fileno())
        if sha256_file(fresh) != sha256:
            raise ShoplaunchError("file_error", f"{fresh} does not read back as it was written")
        fresh.replace(target)
        sync_folder(target.parent)

    def sha256(self, path: str) -> str | None:
        """Return the file's digest, None when there is none."""
        target = self._at(path)
        return str(sha256_file(target)) if target.is_file() else None

    def put_last(self, path: str, content: bytes, mode: int) -> None:
        """See Store: nothing is deferred."""
        self.put(path, content, mode)

    def ensure_mode(self, path: str, mode: int) -> None:
        """See Store."""
        if self._at(path).exists():
            self._at(path).chmod(mode)

    def ensure_folder(self, path: str) -> None:
        """See Store."""
        folder = self._at(path)
        mode = FOLDER_MODE if folder.name.startswith(".") else OTHER_FOLDER_MODE
        if not folder.is_dir():
            self._base.mkdir(mode=OTHER_FOLDER_MODE, exist_ok=True)
            folder.mkdir(mode=mode, parents=True)
        if stat.S_IMODE(folder.stat().st_mode) & 0o077 & ~mode:
            folder.chmod(mode)

    def remove(self, path: str) -> None:
        """See Store."""
        target = self._at(path)
        if target.is_dir():
            shutil.rmtree(target)
        else:
            target.unlink(missing_ok=True)

    def _at(self, path: str) -> Path:
        target = self._base
        for part in path.split("/"):
            target = target / part
            if target.is_symlink():
                raise ShoplaunchError("path_refused", f"{target} is a link")
        return target


def _row(path: Path) -> dict[str, object]:
    found = path.lstat()
    kind = "dir" if stat.S_ISDIR(found.st_mode) else "file" if stat.S_ISREG(found.st_mode) else "link"
    return {"file": path.name, "type": kind, "size": found.st_size, "nicemode": f"{stat.S_IMODE(found.st_mode):04o}"}
