"""Writes a backup of one moment, holding only a piece of it in memory."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import sqlalchemy as sa

from controller.access.restores import STAGING
from controller.backups import archive, snapshot
from controller.backups.sealing import SealingWriter
from controller.bundles.pack.progress import NoProgress, Progress
from controller.db import migrate
from controller.db.connection import same_file
from controller.db.connection.engine import make_engine
from controller.db.tables import metadata
from controller.files import give_new_name, sync_folder
from controller.settings.sections import FILE_NAME, Config
from shared.errors import ShoplaunchError

#: gzip's level: higher ones take twice the time to save a tenth.
_LEVEL = 5
#: How often keys may change while the snapshot is started.
_TRIES = 5


def backup(
    config: Config, output: Path, passphrase: str | None = None, progress: Progress | None = None
) -> archive.Summary:
    """Write the backup to `output` (0600: it holds the keys), completely or not at all; return its summary. Bundles are
    not included: their files are large, and the operator has them.

    Raises ShoplaunchError `name_taken` when the file exists, `not_initialised`, `restore_running`, `database_busy`,
    OSError.
    """
    if output.exists() or output.is_symlink():
        raise ShoplaunchError("name_taken", f"{output} exists already")
    folder = output.absolute().parent
    with _nameless(folder) as (stream, name):
        written = write_backup(config, stream, passphrase, progress)
        stream.flush()
        os.fsync(stream.fileno())
        give_new_name(name, output)
    sync_folder(folder)
    return written


@contextmanager
def _nameless(folder: Path) -> Iterator[tuple[IO[bytes], Path]]:
    """Yield a new file (0600) and the path from which it can be linked. It is removed afterwards, where the file system
    allows that even if the process is killed: half a backup is useless, and would hold keys."""
    try:
        descriptor = os.open(folder, os.O_TMPFILE | os.O_RDWR, 0o600)
    except OSError:
        descriptor, name = tempfile.mkstemp(dir=folder, prefix=".shoplaunch-backup.")
    else:
        name = f"/proc/self/fd/{descriptor}"
    try:
        with os.fdopen(descriptor, "wb") as stream:
            yield stream, Path(name)
    finally:
        if not name.startswith("/proc/"):
            Path(name).unlink(missing_ok=True)


def write_backup(
    config: Config, stream: IO[bytes], passphrase: str | None = None, progress: Progress | None = None
) -> archive.Summary:
    """Write the backup to `stream`, sealed if there is a passphrase. Raises as `backup` does."""
    engine = make_engine(config.database_url)
    try:
        same_file.require_there(engine.url)
        for _try in range(_TRIES):
            keys = _keys(config.home)
            with snapshot.snapshot(engine) as connection:
                if (config.home / STAGING).exists():
                    # The rows may be the restored ones already, and the keys those before
                    raise ShoplaunchError("restore_running", f"a restore into {config.home} is under way")
                # Rows and the keys that decrypt them must be of the same moment
                if _keys(config.home) == keys:
                    _check(connection)
                    with _Output(stream, passphrase) as output:
                        return _write(_files(config.home, keys), connection, output, progress or NoProgress())
    finally:
        engine.dispose()
    raise ShoplaunchError("database_busy", "the keys change all the time")


def _check(connection: sa.Connection) -> None:
    migrate.require_revision(migrate.revision(connection))


def _keys(home: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in _in_folder(home, "keys")}


def _in_folder(home: Path, name: str) -> list[Path]:
    # Files that begin with a dot are still being written
    return [path for path in sorted((home / name).glob("[!.]*")) if path.is_file()]


class _Sink(io.RawIOBase):
    """Passes data on, until it is dropped: from then on it discards all data."""

    def __init__(self, target: IO[bytes]) -> None:
        self._target: IO[bytes] | None = target

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        """Take `data`."""
        return len(data) if self._target is None else self._target.write(data)

    def drop(self) -> None:
        """Discard all further data."""
        self._target = None


class _Output:
    """A tar being written, with a list of its members; `close` completes it, an exception within `with` abandons it."""

    def __init__(self, stream: IO[bytes], passphrase: str | None) -> None:
        self._sealing = None if passphrase is None else SealingWriter(stream, passphrase)
        target: IO[bytes] = stream if self._sealing is None else self._sealing  # type: ignore[assignment]
        self._sink = _Sink(target)
        self._zip = gzip.GzipFile(filename="", fileobj=self._sink, mode="wb", compresslevel=_LEVEL, mtime=0)
        self._tar: Any = tarfile.open(fileobj=self._zip, mode="w|", format=tarfile.PAX_FORMAT)  # noqa: SIM115 - see `close`
        self.members: list[tuple[str, int, str]] = []

    def __enter__(self) -> _Output:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_how: object) -> None:
        if kind is not None:
            # When garbage-collected, both would write their end to the full disk, and raise again
            self._sink.drop()
            self._tar.close()
            self._zip.close()

    def add(self, name: str, content: bytes) -> None:
        self._add(name, len(content), io.BytesIO(content))
        self.members.append((name, len(content), hashlib.sha256(content).hexdigest()))

    def add_file(self, name: str, path: Path) -> None:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
            size = stream.tell()
            stream.seek(0)
            self._add(name, size, stream)
        self.members.append((name, size, digest))

    def _add(self, name: str, size: int, stream: IO[bytes]) -> None:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = size, 0o600
        self._tar.addfile(entry, stream)
        # Else tarfile keeps every member in memory
        self._tar.members.clear()

    def close(self) -> None:
        self._tar.close()
        self._zip.close()
        if self._sealing is not None:
            self._sealing.finish()


def _write(
    files: Mapping[str, bytes | Path], connection: sa.Connection, output: _Output, progress: Progress
) -> archive.Summary:
    tables = metadata.sorted_tables
    progress.phase("Saving the database", sum(snapshot.count(connection, table) for table in tables))
    written = archive.Summary(revision=str(migrate.newest()))
    columns = {table.name: [column.name for column in table.columns] for table in tables}
    output.add(archive.HEADER, _json({"format": archive.FORMAT, "revision": written.revision, "columns": columns}))
    for name, content in files.items():
        output.add(name, content) if isinstance(content, bytes) else output.add_file(name, content)
        written.files.append(name)
    for table in tables:
        written.tables[table.name] = 0
        for number, (content, rows) in enumerate(_pieces(connection, table), 1):
            output.add(f"{archive.DATABASE}/{table.name}/{number:08d}.jsonl", content)
            written.tables[table.name] += rows
            progress.advance(rows)
    written.digest = archive.digest_of(output.members)
    output.add(archive.INDEX, _json({"members": output.members, "tables": written.tables}))
    output.close()
    return written


def _json(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode("utf-8")


def _files(home: Path, keys: Mapping[str, bytes]) -> dict[str, bytes | Path]:
    """Return name -> content, or where it is, of the installation's files: of `keys` as they were at the moment of the
    rows, whatever becomes of their files meanwhile."""
    settings = {FILE_NAME: home / FILE_NAME} if (home / FILE_NAME).exists() else {}
    agent = {f"agent/{path.name}": path for path in _in_folder(home, "agent")}
    return {**settings, **{f"keys/{name}": content for name, content in keys.items()}, **agent}


def _pieces(connection: sa.Connection, table: sa.Table) -> Iterator[tuple[bytes, int]]:
    """Yield (lines, number of lines)."""
    piece, count = bytearray(), 0
    for row in snapshot.rows(connection, table):
        piece += archive.line_of(row)
        count += 1
        if len(piece) >= archive.PIECE_BYTES:
            yield bytes(piece), count
            piece, count = bytearray(), 0
    if count:
        yield bytes(piece), count
