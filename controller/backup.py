"""Backup of an installation in one file: settings, keys, agent, and every row of the database as JSON."""

from __future__ import annotations

import gzip
import io
import json
import os
import tarfile
import zlib
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from controller.config import FILE_NAME, Config, load_config
from controller.db.engine import make_engine, reading, transact
from controller.db.migrate import revisions, upgrade
from controller.db.tables import metadata
from controller.files import sync_folder, write_durably
from shared.errors import ShoplaunchError

FORMAT = 1
#: Where a backup's settings go when this machine has settings of its own.
OTHER_SETTINGS = FILE_NAME + ".backup"
_DATABASE = "database.json"
_FOLDERS = ("keys", "agent")
#: A file of an installation is never larger; a larger one in a backup is not ours.
MAX_FILE_BYTES = 512 * 1024 * 1024
_ROWS_AT_ONCE = 200


def backup(config: Config, output: Path) -> None:
    """Write the backup to `output` (0600: it holds the keys). Bundles are not in it: their files are large and yours.

    Raises ShoplaunchError `name_taken` when the file exists, `not_initialised`, OSError.
    """
    document = json.dumps(_read_database(config), sort_keys=True).encode("utf-8")
    try:
        descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise ShoplaunchError("name_taken", f"{output} exists already") from None
    try:
        with os.fdopen(descriptor, "wb") as stream:
            with tarfile.open(fileobj=stream, mode="w:gz") as archive:
                _add(archive, _DATABASE, document)
                for path in _files(config.home):
                    _add(archive, path.relative_to(config.home).as_posix(), path.read_bytes())
            stream.flush()
            os.fsync(stream.fileno())
    except BaseException:
        # Half a backup is none
        output.unlink()
        raise
    sync_folder(output.absolute().parent)


def _files(home: Path) -> list[Path]:
    folders = [path for name in _FOLDERS for path in sorted((home / name).glob("*")) if path.is_file()]
    settings = home / FILE_NAME
    return [*([settings] if settings.exists() else []), *folders]


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), 0o600
    archive.addfile(entry, io.BytesIO(content))


def _read_database(config: Config) -> dict[str, Any]:
    engine = make_engine(config.database_url)
    revision, head = revisions(engine)
    if revision != head:
        raise ShoplaunchError("not_initialised", "the database lacks this version's tables; run `shoplaunch migrate`")
    with reading(engine) as connection:
        tables = {
            table.name: [dict(row._mapping) for row in connection.execute(sa.select(table))]
            for table in metadata.sorted_tables
        }
    return {"format": FORMAT, "revision": revision, "tables": tables}


def restore(config: Config, source: Path) -> list[str]:
    """Bring back what `backup` wrote, into an installation without jobs; return names of bundles to add again.

    Settings of this machine stay; the backup's are then put beside them. Files first, the database in one
    transaction: a restore that was cut off can be repeated. Raises ShoplaunchError `backup_damaged` for a file that is
    no backup, `name_taken` when there are jobs already, OSError.
    """
    members = _read_archive(source)
    document = _database_of(members.pop(_DATABASE))
    if FILE_NAME in members and (config.home / FILE_NAME).exists():
        members[OTHER_SETTINGS] = members.pop(FILE_NAME)
    elif FILE_NAME in members:
        write_durably(config.home / FILE_NAME, members.pop(FILE_NAME), 0o600)
        config = load_config({**os.environ, "SHOPLAUNCH_HOME": str(config.home)})
    engine = make_engine(config.database_url)
    upgrade(engine)
    if document["revision"] != revisions(engine)[0]:
        raise ShoplaunchError("backup_damaged", f"the backup is of another version ({document['revision']})")
    with reading(engine) as connection:
        if connection.execute(sa.select(metadata.tables["jobs"].c.id).limit(1)).first() is not None:
            raise ShoplaunchError("name_taken", "this installation has jobs already; restore into an empty one")
    for name, content in sorted(members.items()):
        path = config.home / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_durably(path, content, 0o600)
    transact(engine, lambda connection: _write_database(connection, document["tables"]))
    return sorted(row["name"] for row in document["tables"]["bundles"] if not _has_bundle(config, row))


def _has_bundle(config: Config, row: dict[str, Any]) -> bool:
    path = config.bundles / f"{row['name']}.bundle"
    return path.is_file() and path.stat().st_size == row["size"]


def _read_archive(source: Path) -> dict[str, bytes]:
    members: dict[str, bytes] = {}
    try:
        with tarfile.open(source, "r:gz") as archive:
            for entry in archive:
                folder, _, name = entry.name.rpartition("/")
                known = entry.name in (_DATABASE, FILE_NAME) or (folder in _FOLDERS and name not in ("", ".", ".."))
                stream = archive.extractfile(entry) if entry.isfile() and entry.size <= MAX_FILE_BYTES else None
                if not known or stream is None:
                    raise ShoplaunchError("backup_damaged", f"the backup holds something unknown: {entry.name[:100]}")
                members[entry.name] = stream.read()
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ShoplaunchError("backup_damaged", f"{source} is not a whole backup: {error}") from None
    if _DATABASE not in members:
        raise ShoplaunchError("backup_damaged", f"{source} is not a whole backup: there is no database in it")
    return members


def _database_of(content: bytes) -> dict[str, Any]:
    try:
        document = json.loads(content)
    except ValueError:
        raise ShoplaunchError("backup_damaged", "the backup's database is not JSON") from None
    if document.get("format") != FORMAT or set(document["tables"]) != set(metadata.tables):
        raise ShoplaunchError("backup_damaged", "the backup is of another version")
    return dict(document)


def _write_database(connection: sa.Connection, tables: dict[str, list[dict[str, Any]]]) -> None:
    for table in reversed(metadata.sorted_tables):
        connection.execute(sa.delete(table))
    for table in metadata.sorted_tables:
        rows = tables[table.name]
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            connection.execute(sa.insert(table), rows[start : start + _ROWS_AT_ONCE])
