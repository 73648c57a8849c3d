"""Reads a backup once from end to end, and verifies it: digests, counts, references."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import tarfile
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol, cast

from controller.backups import archive, old_format
from controller.backups.archive import Summary
from controller.backups.sealing import MAGIC, SealedReader
from controller.bundles.pack.progress import NoProgress, Progress
from controller.db.tables import metadata
from controller.recipes.tree.archive_streams import Tar
from shared.errors import ShoplaunchError

_COPY_BYTES = 256 * 1024
#: The header names tables and columns; parsed, JSON may take 25 times its length in memory.
_MAX_HEADER_BYTES = 1024 * 1024
#: Maximum length of a row: the longest holds the statements for follow-up jobs of a large shop.
_MAX_LINE_BYTES = 64 * 1024 * 1024
#: A row longer than this is searched for the values it has before it is parsed.
_LONG_LINE_BYTES = 64 * 1024
#: One value of a row and its comma.
_VALUE = rb'(?:[^",]++|"[^"\\]*+(?:\\.[^"\\]*+)*+"?+)*+,'
#: Keys that are kept until all references are verified, as digests; of real jobs there are 100,000.
_MAX_KEYS, _KEY_BYTES = 2_000_000, 16
#: All files of an installation are small; a member is a file or up to a megabyte of rows.
_MAX_FILES, _MAX_FILE_BYTES, _MAX_MEMBERS = 1000, 256 * 1024 * 1024, 100_000
#: Returns the passphrase; called when the backup is sealed. Raises ShoplaunchError `passphrase_missing`.
Passphrase = Callable[[], str]


class Taker(Protocol):
    """Receives the content of a backup, in the order of the file."""

    def begin(self, revision: str) -> None:
        """Begin with the database's revision; called first."""

    def file(self, name: str, content: Iterator[bytes]) -> None:
        """Take a file of the installation."""

    def row(self, table: str, row: dict[str, object]) -> None:
        """Take a row."""


class Nobody:
    """A Taker that discards everything."""

    def begin(self, revision: str) -> None:
        """Discard the revision."""

    def file(self, name: str, content: Iterator[bytes]) -> None:
        """Read the file to its end."""
        for _piece in content:
            pass

    def row(self, table: str, row: dict[str, object]) -> None:
        """Discard the row."""


def read(source: Path, passphrase: Passphrase, taker: Taker, progress: Progress | None = None) -> Summary:
    """Pass the backup's content to `taker`; return its summary. The content is valid only once this returns.

    Raises ShoplaunchError `backup_damaged`, `passphrase_missing`, `passphrase_wrong`, OSError.
    """
    with source.open("rb") as stream:
        counted = _Counted(stream, progress or NoProgress())
        try:
            with _opened(counted, passphrase) as opened:
                return _Reading(taker).run(opened)
        except gzip.BadGzipFile as error:
            problem: Exception = error
        except (tarfile.TarError, EOFError, zlib.error, ValueError, TypeError, LookupError, AttributeError) as error:
            problem = error
        except RecursionError as error:
            # Endlessly nested JSON
            problem = error
    text = str(problem) if isinstance(problem, tarfile.TarError | EOFError) else type(problem).__name__
    raise ShoplaunchError("backup_damaged", f"{source} is not a whole backup: {text}"[:300]) from problem


class _Counted:
    """A file that reports the progress of its reader."""

    def __init__(self, stream: IO[bytes], progress: Progress) -> None:
        self._stream, self._progress = stream, progress
        self.sealed = stream.read(len(MAGIC)) == MAGIC
        if not self.sealed:
            stream.seek(0)

    def read(self, count: int = -1) -> bytes:
        data = self._stream.read(count)
        self._progress.advance(len(data))
        return data


@contextmanager
def _opened(source: _Counted, passphrase: Passphrase) -> Iterator[tuple[Tar, gzip.GzipFile]]:
    stream = cast(IO[bytes], source)
    inner = SealedReader(stream, passphrase()) if source.sealed else stream
    with gzip.GzipFile(fileobj=inner, mode="rb") as unzipped, Tar(cast(IO[bytes], unzipped)) as tar:
        yield tar, unzipped


class _Reading:
    """One reading of a backup."""

    def __init__(self, taker: Taker) -> None:
        self._taker = taker
        self._found = Summary(format=0)
        self._members: list[list[object]] = []
        self._columns: dict[str, list[str]] = {}
        self._file_bytes = 0
        self._references = _References()

    def run(self, opened: tuple[Tar, gzip.GzipFile]) -> Summary:
        """Read everything. Raises the errors of `read`."""
        tar, unzipped = opened
        index: dict[str, object] | None = None
        for entry in tar:
            # A sparse file would have any size it states
            if not entry.isfile() or entry.issparse() or index is not None or len(self._members) == _MAX_MEMBERS:
                raise _unknown(entry.name)
            stream = tar.content(entry)
            if entry.name == archive.INDEX and self._found.format == archive.FORMAT:
                index = _document(stream, entry.name, self._index_bytes())
            else:
                self._member(entry.name, stream)
        # The digest of all members follows the last one
        while unzipped.read(_COPY_BYTES):
            pass
        self._check(index)
        return self._found

    def _member(self, name: str, stream: IO[bytes]) -> None:
        digest, first = _Digest(stream), self._found.format == 0
        if first and name == archive.HEADER:
            self._header(_document(digest, name, _MAX_HEADER_BYTES))
        elif first and name == archive.OLD_DATABASE:
            self._old_database(digest)
        elif first:
            raise ShoplaunchError("backup_damaged", "this is no whole backup: there is no database in it")
        elif self._is_another_file(name):
            self._found.files.append(name)
            self._taker.file(name, self._content(digest))
        elif self._found.format == archive.FORMAT and name.startswith(f"{archive.DATABASE}/"):
            self._piece(name, digest)
        else:
            raise _unknown(name)
        digest.read_rest()
        self._members.append([name, digest.size, digest.hexdigest()])

    def _is_another_file(self, name: str) -> bool:
        known = self._found.files
        return archive.is_file_of_installation(name) and len(known) < _MAX_FILES and name not in known

    def _content(self, stream: _Digest) -> Iterator[bytes]:
        """Yield the content of a file. Raises ValueError where all files together have no end."""
        while piece := stream.read(_COPY_BYTES):
            self._file_bytes += len(piece)
            if self._file_bytes > _MAX_FILE_BYTES:
                raise ValueError("files without end")
            yield piece

    def _header(self, document: dict[str, object]) -> None:
        if document["format"] != archive.FORMAT:
            raise ShoplaunchError("backup_newer", f"the backup's format is {document['format']!r:.20}")
        self._begin(archive.FORMAT, str(document["revision"]))
        columns = document["columns"]
        if not isinstance(columns, dict):
            raise TypeError("no columns")
        self._columns = {str(table): [str(name) for name in names] for table, names in columns.items()}
        self._found.tables = dict.fromkeys(self._columns, 0)

    def _begin(self, form: int, revision: str) -> None:
        self._found.format, self._found.revision = form, revision
        self._taker.begin(revision)

    def _piece(self, name: str, lines: _Digest) -> None:
        table = name.split("/")[1]
        columns = self._columns[table]
        for line in lines:
            _require_values(line, len(columns))
            values = archive.row_of(line)
            self._row(table, dict(zip(columns, values, strict=True)))

    def _old_database(self, stream: _Digest) -> None:
        revision, rows = old_format.read(stream)  # type: ignore[arg-type]
        self._begin(1, revision)
        for table, row in rows:
            if row is None:
                self._found.tables[table] = 0
            else:
                self._row(table, row)

    def _row(self, table: str, row: dict[str, object]) -> None:
        self._found.tables[table] += 1
        self._references.note(table, row)
        self._taker.row(table, row)

    def _check(self, index: dict[str, object] | None) -> None:
        if self._found.format == 0:
            raise ShoplaunchError("backup_damaged", "this is no whole backup: there is no database in it")
        if self._found.format == archive.FORMAT:
            if index is None:
                raise ShoplaunchError("backup_damaged", "the backup ends before its index")
            if index["members"] != self._members or index["tables"] != self._found.tables:
                raise ShoplaunchError("backup_damaged", "the backup is not what its index says")
        self._references.check()
        self._found.digest = archive.digest_of(self._members)

    def _index_bytes(self) -> int:
        """Return the length, with blanks, of the index that what was read so far has."""
        return len(json.dumps({"members": self._members, "tables": self._found.tables}))


class _Digest:
    """A member of the archive that is hashed while it is read."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self._hash, self.size = stream, hashlib.sha256(), 0

    def read(self, count: int = -1) -> bytes:
        return self._noted(self._stream.read(count))

    def __iter__(self) -> Iterator[bytes]:
        while line := self._stream.readline(_MAX_LINE_BYTES + 1):
            if len(line) > _MAX_LINE_BYTES:
                raise ValueError("a row without end")
            yield self._noted(line)

    def read_rest(self) -> None:
        while self.read(_COPY_BYTES):
            pass

    def hexdigest(self) -> str:
        return self._hash.hexdigest()

    def _noted(self, data: bytes) -> bytes:
        self._hash.update(data)
        self.size += len(data)
        return data


class _References:
    """Verifies that referenced rows exist."""

    def __init__(self) -> None:
        self._missing: dict[tuple[str, str], set[bytes]] = defaultdict(set)
        self._there: dict[tuple[str, str], set[bytes]] = defaultdict(set)
        keys = [
            (table, column, key)
            for table in metadata.tables.values()
            for column in table.c
            for key in column.foreign_keys
        ]
        self._of = defaultdict(list)
        for table, column, key in keys:
            self._of[table.name].append((column.name, (key.column.table.name, key.column.name)))
        self._to = {target for pairs in self._of.values() for _name, target in pairs}

    def note(self, table: str, row: dict[str, object]) -> None:
        for target in self._to:
            if target[0] == table:
                key = _key_digest(row.get(target[1]))
                self._there[target].add(key)
                self._missing[target].discard(key)
        for name, target in self._of.get(table, ()):
            value = row.get(name)
            if value is not None and (key := _key_digest(value)) not in self._there[target]:
                self._missing[target].add(key)
        if sum(len(keys) for kept in (self._there, self._missing) for keys in kept.values()) > _MAX_KEYS:
            raise ShoplaunchError("backup_damaged", f"the backup has more than {_MAX_KEYS} keys that rows refer to")

    def check(self) -> None:
        for (table, _column), missing in self._missing.items():
            if missing:
                text = f"{len(missing)} rows refer to {table} that are not there"
                raise ShoplaunchError("backup_damaged", f"the backup is of no one moment: {text}")


def _key_digest(value: object) -> bytes:
    """Return the digest of a key, as a key may have any length. Raises TypeError."""
    if not isinstance(value, str):
        raise TypeError("a key that is no text")
    return hashlib.blake2b(value.encode(), digest_size=_KEY_BYTES).digest()


def _require_values(line: bytes, count: int) -> None:
    """Raise ValueError for a long row of more than `count` values, which would take many times its length parsed."""
    if len(line) > _LONG_LINE_BYTES and re.match(rb"(?s:%b){%d}" % (_VALUE, count), line):
        raise ValueError("a row of too many values")


def _document(stream: IO[bytes] | _Digest, name: str, most: int) -> dict[str, object]:
    """Return the JSON object in a member `name` of the archive. Raises ShoplaunchError for more than `most` bytes."""
    data = stream.read(most + 1)
    if len(data) > most:
        raise ShoplaunchError("backup_damaged", f"the backup's {name} is longer than {most} bytes")
    document = json.loads(data)
    if not isinstance(document, dict):
        raise TypeError("no document")
    return document


def _unknown(name: str) -> ShoplaunchError:
    return ShoplaunchError("backup_damaged", f"the backup holds something unknown: {name[:100]}")
