"""Packs rows into chunks: lines of extended INSERTs, within the bundle's size limits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from controller.bundles.source.database.snapshot import Table
from controller.bundles.source.servers.connections import name
from shared.bundle import CHUNK_UNPACKED_BYTES
from shared.errors import ShoplaunchError

STATEMENT_BYTES = 256 * 1024
#: Each chunk may be twice as large as the one before, up to the bundle's limit: even a small shop gets some for every
#: connection.
FIRST_CHUNK_BYTES = STATEMENT_BYTES
#: A chunk of at least this size ends with its table: a chunk of a single table need not wait for any other.
TABLE_CHUNK_BYTES = STATEMENT_BYTES // 4
#: Bytes that any server can be expected to accept in one packet.
MAX_ROW_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class Chunk:
    """Lines of SQL, one statement each; `table` is set when they all fill one table."""

    sql: bytes
    rows: int
    placeholders: bool
    table: str | None


class ChunkWriter:
    """Collects rows into chunks and passes each to `finished`, in order."""

    def __init__(self, finished: Callable[[Chunk], None]) -> None:
        self._finished = finished
        self._statements: list[bytes] = []
        self._bytes = 0
        self._limit = FIRST_CHUNK_BYTES
        self._rows = 0
        self._tables: set[str] = set()
        self._placeholders = False
        self._head = b""
        self._table = ""
        self._values: list[bytes] = []
        self._value_bytes = 0
        self._filled = False
        self.largest_row = 0
        self.largest_statement = 0

    def begin(self, table: Table) -> None:
        """Begin a table: the following rows belong to it."""
        self._end_statement()
        if self._bytes >= TABLE_CHUNK_BYTES:
            self._end_chunk()
        columns = ", ".join(name(column.name) for column in table.stored)
        self._head = f"INSERT INTO {name(table.name)} ({columns}) VALUES ".encode()
        self._table = table.name

    def row(self, literals: Sequence[bytes], placeholders: bool) -> None:
        """Add one row given as SQL literals. Raises ShoplaunchError `row_too_large`."""
        row = b"(" + b",".join(literals) + b")"
        if len(row) > MAX_ROW_BYTES:
            raise ShoplaunchError("row_too_large", f"a row of {self._table} has {len(row)} bytes")
        self.largest_row = max(self.largest_row, len(row))
        if self._values and len(self._head) + self._value_bytes + len(row) + 3 > STATEMENT_BYTES:
            self._end_statement()
        self._values.append(row)
        self._value_bytes += len(row) + 1
        self._filled = self._filled or placeholders

    def finish(self) -> None:
        """Pass on the unfinished chunk."""
        self._end_statement()
        self._end_chunk()

    def _end_statement(self) -> None:
        if not self._values:
            return
        statement = self._head + b",".join(self._values) + b";\n"
        if self._bytes + len(statement) > self._limit:
            self._end_chunk()
        self.largest_statement = max(self.largest_statement, len(statement))
        self._statements.append(statement)
        self._bytes += len(statement)
        self._rows += len(self._values)
        self._placeholders = self._placeholders or self._filled
        self._tables.add(self._table)
        self._values, self._value_bytes, self._filled = [], 0, False

    def _end_chunk(self) -> None:
        if not self._statements:
            return
        table = next(iter(self._tables)) if len(self._tables) == 1 else None
        self._finished(Chunk(b"".join(self._statements), self._rows, self._placeholders, table))
        self._statements, self._bytes, self._rows, self._tables, self._placeholders = [], 0, 0, set(), False
        self._limit = min(2 * self._limit, CHUNK_UNPACKED_BYTES)
