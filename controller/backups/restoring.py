"""Restores an installation from a backup. Interrupted at any point, it is either the old installation or the new one.

The backup's files wait in a staging folder, the database changes in one transaction, whose commit decides: after it,
the next process moves the staged files into place; before it, the next process deletes them (`settle`).
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from controller.access.restores import STAGING, restoring
from controller.backups import aftermath, loading
from controller.backups.aftermath import Review
from controller.backups.loading import Source
from controller.backups.reading import Nobody, Passphrase, read
from controller.bundles.pack.progress import NoProgress, Progress
from controller.db.connection.engine import make_engine, reading
from controller.files import alone, sync_folder, write_durably
from controller.settings.loading import load_config
from controller.settings.sections import FILE_NAME, Config
from controller.setup import installation
from shared.errors import ShoplaunchError

#: File for a backup's settings when this machine has settings already.
OTHER_SETTINGS = FILE_NAME + ".backup"
_FILES, _JOURNAL, _SCRATCH = "files", "journal.json", "scratch.db"


def restore(
    config: Config, source: Path, passphrase: Passphrase | None = None, progress: Progress | None = None
) -> list[str]:
    """Restore a file written by `backup` into an installation without jobs; return names of bundles to add again.

    Settings of this machine stay; the backup's are put next to them. Raises ShoplaunchError `backup_damaged` for a file
    that is no backup, `name_taken` when there are jobs already, `restore_running`, the errors of reading and loading,
    OSError.
    """
    settle(config)
    watched = progress or NoProgress()
    with restoring(config.home):
        try:
            _restore(config, source, passphrase or _no_passphrase, watched)
        except BaseException:
            # Only the database knows whether the commit succeeded
            _settle(config)
            raise
        config = _in_force(config)
        _settle(config)
    engine = make_engine(config.database_url)
    try:
        return [name for name, size in loading.bundles(engine) if not _has_bundle(config, name, size)]
    finally:
        engine.dispose()


def replaced(config: Config) -> dict[str, int]:
    """Return {kind: number} of what a restore would replace: operators, keys, servers, bundles, and orders without a
    job. Raises `database_busy`."""
    engine = make_engine(config.database_url)
    path = engine.url.database
    try:
        if engine.dialect.name == "sqlite" and not (path and Path(path).exists()):
            # Opening it would create it
            return {}
        with reading(engine) as connection:
            return aftermath.replaced(connection)
    finally:
        engine.dispose()


def reviewed(config: Config) -> Review:
    """Return what has to be reviewed after a restore. Raises ShoplaunchError `database_busy`."""
    engine = make_engine(config.database_url)
    try:
        with reading(engine) as connection:
            return aftermath.review(connection)
    finally:
        engine.dispose()


def _no_passphrase() -> str:
    raise ShoplaunchError("passphrase_missing", "the backup is sealed")


def _restore(config: Config, source: Path, passphrase: Passphrase, progress: Progress) -> None:
    staging = config.home / STAGING
    progress.phase("Checking the backup", source.stat().st_size)
    summary = read(source, passphrase, _Staged(staging / _FILES), progress)
    settings = staging / _FILES / FILE_NAME
    if settings.exists() and config.file.exists():
        settings.rename(settings.with_name(OTHER_SETTINGS))
    config = _in_force(config)
    _sync(staging)
    engine = make_engine(config.database_url)
    try:
        installation.migrate_database(config)
        token = secrets.token_hex(16)
        write_durably(staging / _JOURNAL, json.dumps({"token": token}).encode(), 0o600)
        loading.load(engine, Source(source, passphrase, summary), token, staging / _SCRATCH, progress)
    finally:
        engine.dispose()


class _Staged(Nobody):
    """Takes the files of a backup into a folder that it creates."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def begin(self, revision: str) -> None:
        """Create the folder."""
        self._folder.mkdir(mode=0o700, parents=True)
        self._folder.parent.chmod(0o700)

    def file(self, name: str, content: Iterator[bytes]) -> None:
        """Write the file."""
        path = self._folder / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            for piece in content:
                stream.write(piece)
            stream.flush()
            os.fsync(stream.fileno())


def _sync(staging: Path) -> None:
    for folder in (staging.parent, staging, *(path for path in staging.rglob("*") if path.is_dir())):
        sync_folder(folder)


def _in_force(config: Config) -> Config:
    """Return the configuration with the staged settings, if there are any."""
    settings = config.home / STAGING / _FILES / FILE_NAME
    if not settings.exists():
        return config
    environment = {**os.environ, "SHOPLAUNCH_HOME": str(config.home)}
    if not config.file.exists() and config.database_url != load_config(environment).database_url:
        # Without a settings file, the caller's environment named the database
        environment["SHOPLAUNCH_DATABASE_URL"] = config.database_url
    return load_config(environment, settings)


def _has_bundle(config: Config, name: str, size: int) -> bool:
    path = config.bundles / f"{name}.bundle"
    return path.is_file() and path.stat().st_size == size


def settle(config: Config) -> bool:
    """Complete or undo a restore that was interrupted; return whether it is complete now.

    Raises ShoplaunchError `restore_running` while one is under way, `database_busy`, OSError.
    """
    if not (config.home / STAGING).is_dir():
        return False
    with restoring(config.home):
        return _settle(config)


def _settle(config: Config) -> bool:
    home, staging = config.home, config.home / STAGING
    if not staging.is_dir():
        return False
    is_loaded = _is_loaded(config, staging)
    if is_loaded:
        config.keys.mkdir(mode=0o700, parents=True, exist_ok=True)
        # A rotation that began before would write the former keys in their place
        with alone(config.keys):
            _put_in_place(home, staging / _FILES)
    # The journal goes first: a staging folder without one is only deleted
    (staging / _JOURNAL).unlink(missing_ok=True)
    shutil.rmtree(staging)
    sync_folder(home)
    return is_loaded


def _is_loaded(config: Config, staging: Path) -> bool:
    try:
        token = json.loads((staging / _JOURNAL).read_bytes())["token"]
    except FileNotFoundError:
        return False
    engine = make_engine(_in_force(config).database_url)
    try:
        return loading.was_loaded(engine, token)
    finally:
        engine.dispose()


def _put_in_place(home: Path, files: Path) -> None:
    for path in sorted(path for path in files.rglob("*") if path.is_file()):
        target = home / path.relative_to(files)
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.replace(target)
        sync_folder(target.parent)
