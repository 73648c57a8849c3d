"""The bundles of this installation: copied in after every member was checked, closed to accounts without a job."""

from __future__ import annotations

import errno
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import sqlalchemy as sa

from controller.bundles import manifest_limits
from controller.bundles.residue.bundle_reader import check_members, open_bundle
from controller.db import bundles as rows
from controller.db.bundles import Bundle
from controller.db.connection.clock import DatabaseClock
from controller.db.connection.engine import reading, transact
from controller.db.identities import access
from controller.db.jobs import Job
from controller.files import alone, open_private, sync_folder
from controller.jobs.lifecycle import bundle_readers
from controller.product_kind import SHOP
from controller.recipes.registry import recipe_of
from controller.settings.sections import Config
from shared.archive import MAX_DIRECTORY_BYTES
from shared.encoding import sha256_file
from shared.errors import ShoplaunchError

if TYPE_CHECKING:
    from shared.documents import Manifest

_MB = 1024 * 1024
_COPY_BYTES = _MB
#: What stays free of the disk: the controller's database may lie there, too.
_ROOM_BYTES = 32 * _MB
#: Of a bundle's file for each member, besides its content.
_MORE_BYTES = 4096
_REFUSALS = {errno.ENOSPC: "disk_full", errno.EDQUOT: "disk_full", errno.EROFS: "read_only"}
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}\Z")
#: Manifests in memory; larger ones are read each time.
_MOST_KEPT, _KEPT_BYTES = 8, 2 * 1024 * 1024
#: A file that was written more recently may be written again without another time.
_SETTLED_NS = 2 * 10**9
#: Accounts can open a file whose name they know; they cannot list the folder.
FOLDER_MODE = 0o711


class Bundles:
    """Bundles in SHOPLAUNCH_HOME/bundles and their rows in the database."""

    def __init__(self, config: Config, engine: sa.Engine) -> None:
        self._config = config
        self._engine = engine
        #: Bundle -> (digest of its manifest, state of its file, the manifest).
        self._manifests: dict[str, tuple[str, _State, Manifest]] = {}

    def path(self, name: str) -> Path:
        """Return the path of the bundle's file."""
        return self._config.bundles / f"{name}.bundle"

    def add(self, name: str, source: Path, paid: bool | None = None) -> Bundle:
        """Copy the file in under `name` and return its row. Adding the same file again only changes whether it is
        `paid` for, if that is given.

        Raises ShoplaunchError `name_invalid`, `name_taken`, `bundle_missing`,
        `bundle_damaged`, `bundle_digest`, `manifest_invalid`, `bundle_format`, `recipe_missing`, `disk_full`;
        PermissionError where `source` or the folder is closed to this user.
        """
        if not NAME.match(name):
            raise ShoplaunchError("name_invalid", f"not a bundle's name: {name[:80]!r}")
        if not source.is_file():
            raise ShoplaunchError("bundle_missing", f"there is no file {source}")
        folder = self._config.bundles
        folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        folder.chmod(FOLDER_MODE)
        # Two of the same name would change one file
        size = _size(source)
        _require_room(folder, size)
        with alone(folder), _copied(source, folder / f".{name}.new", size) as copy:
            bundle = _inspected(name, copy, DatabaseClock(self._engine)())
            transact(self._engine, lambda connection: _noted(connection, bundle, paid))
            copy.replace(self.path(name))
        sync_folder(folder)
        # Agents reading the replaced file go on with this one
        bundle_readers.renew(self._engine, folder, DatabaseClock(self._engine)(), name)
        return self.get(name)

    def let_in(self, name: str, user: int, now: float) -> bool:
        """See controller.jobs.lifecycle.bundle_readers.let_in."""
        return bundle_readers.let_in(self._engine, self._config.bundles, now, name, user)

    def leave(self, job: Job, now: float) -> None:
        """See controller.jobs.lifecycle.bundle_readers.leave."""
        bundle_readers.leave(self._engine, self._config.bundles, now, job)

    def get(self, name: str) -> Bundle:
        """Return the bundle's row. Raises ShoplaunchError `bundle_unknown`."""
        with reading(self._engine) as connection:
            return rows.get(connection, name)

    def listed(self) -> list[Bundle]:
        """Return all bundles by name."""
        with reading(self._engine) as connection:
            return rows.listed(connection)

    def manifest(self, bundle: Bundle) -> Manifest:
        """Return the bundle's manifest, which is not to be changed: as long as the file stays, several steps of every
        job get the same one. Raises ShoplaunchError `bundle_missing`, `bundle_digest`, `bundle_damaged`,
        `manifest_invalid`."""
        path, now = self.path(bundle.name), time.time_ns()
        state = _state(path)
        kept = self._manifests.get(bundle.name)
        if kept is not None and state is not None and kept[:2] == (bundle.manifest_sha256, state):
            return kept[2]
        with open_bundle(path) as opened:
            if opened.manifest_sha256 != bundle.manifest_sha256:
                raise ShoplaunchError("bundle_digest", f"{bundle.name}'s manifest is not the one that was added")
            # Earlier versions added any
            manifest_limits.require(opened.manifest)
            if state is not None and now - state.st_mtime_ns > _SETTLED_NS and opened.manifest_bytes <= _KEPT_BYTES:
                if len(self._manifests) >= _MOST_KEPT:
                    self._manifests = {}
                self._manifests[bundle.name] = bundle.manifest_sha256, state, opened.manifest
            return opened.manifest


class _State(NamedTuple):
    """What changes when a file is written, or another one comes in its place."""

    st_dev: int
    st_ino: int
    st_size: int
    st_mtime_ns: int


def _state(path: Path) -> _State | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return _State(*(getattr(found, name) for name in _State._fields))


def _size(source: Path) -> int:
    """Return the size of the bundle at `source`, of which nothing but its directory and manifest are verified yet.

    Raises ShoplaunchError as `open_bundle` does, `bundle_damaged` for one with holes.
    """
    with open_bundle(source) as opened:
        filled = opened.manifest_bytes + sum(member["size"] for member in opened.manifest["members"])
        most = filled + _MORE_BYTES * (1 + len(opened.manifest["members"])) + MAX_DIRECTORY_BYTES
        if opened.size > most:
            raise ShoplaunchError("bundle_damaged", f"the bundle has {opened.size} bytes, its members {filled}")
        return opened.size


def _require_room(folder: Path, size: int) -> None:
    """Raise ShoplaunchError `disk_full` unless a file of this size leaves the folder's disk enough for others."""
    disk, _used, free = shutil.disk_usage(folder)
    # A file system without a size of its own says that it has none
    if disk and free < size + _ROOM_BYTES:
        wanted = (size + _ROOM_BYTES) // _MB
        raise ShoplaunchError("disk_full", f"{folder}: {free // _MB} MB are free; with the bundle {wanted} are needed")


@contextmanager
def _copied(source: Path, target: Path, size: int) -> Iterator[Path]:
    """Yield a copy of the first `size` bytes of `source` that only the folder's owner can read; it is removed
    afterwards unless it was moved."""
    try:
        try:
            target.unlink(missing_ok=True)
            with source.open("rb") as stream, open_private(target) as copy:
                while size and (piece := stream.read(min(size, _COPY_BYTES))):
                    copy.write(piece)
                    size -= len(piece)
                copy.flush()
                os.fsync(copy.fileno())
        except PermissionError:
            # It names its file, which may be either; for whom it is closed is said where it is shown
            raise
        except OSError as problem:
            code = _REFUSALS.get(problem.errno or 0, "file_error")
            raise ShoplaunchError(code, f"{target}: {problem.strerror}") from None
        yield target
    finally:
        target.unlink(missing_ok=True)


def _noted(connection: sa.Connection, bundle: Bundle, paid: bool | None) -> None:
    rows.add(connection, bundle)
    if paid is not None:
        rows.mark(connection, bundle.name, paid=paid)
    access.add_audit(connection, bundle.added_at, "command line", "bundle add", None, f"{bundle.name} {bundle.sha256}")


def _inspected(name: str, path: Path, now: float) -> Bundle:
    with open_bundle(path) as opened:
        manifest_limits.require(opened.manifest)
        check_members(opened)
        # The recipe, not the bundle, defines the shop's password format and back office
        recipe_of(opened.manifest)
        return Bundle(
            name=name,
            sha256=sha256_file(path),
            size=opened.size,
            manifest_sha256=opened.manifest_sha256,
            application=opened.manifest["application"]["name"],
            version=opened.manifest["application"]["version"],
            added_at=now,
            variants=[
                {"name": one["name"], "title": one.get("title", one["name"])} for one in opened.manifest["variants"]
            ],
            noun=opened.manifest["application"].get("noun", SHOP),
            folders=opened.manifest.get("folders", False),
            languages=_codes(opened.manifest, "languages"),
            currencies=_codes(opened.manifest, "currencies"),
        )


def _codes(manifest: Manifest, key: str) -> list[str]:
    """Return the codes listed in the packing's report, none for a bundle of a packer that listed none."""
    listed = manifest.get("report", {}).get(key, [])
    return [code for code in listed if isinstance(code, str)] if isinstance(listed, list) else []
