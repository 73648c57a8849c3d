"""A connection to MySQL or MariaDB as the pool lends it again and again: the server is asked only what is not known."""

from __future__ import annotations

import functools
import select
import time
from typing import Any

from pymysql.protocol import FieldDescriptorPacket, MysqlPacket

from controller.database_client import ProvenConnection

#: A server that answered less than so long ago is not asked whether it is there, unless something has come from it.
ALIVE_SECONDS = 5.0
#: As many descriptions of columns are kept: the server sends those of every column with every answer, and to read one
#: takes longer than to read its value.
COLUMNS = 4096


@functools.lru_cache(maxsize=COLUMNS)
def _column(data: bytes, encoding: str) -> FieldDescriptorPacket:
    """Return the description of a column, which nobody changes."""
    return FieldDescriptorPacket(data, encoding)


class PooledConnection(ProvenConnection):
    """A connection whose `ping` and `rollback` cost nothing where nothing can have happened: each of them would be
    another question in every transaction."""

    def __init__(self, *arguments: Any, **how: Any) -> None:
        self._is_ended = False
        self._answered_at = float("-inf")
        super().__init__(*arguments, **how)

    def _execute_command(self, command: int, sql: object) -> None:
        self._is_ended = False
        connection: Any = super()
        connection._execute_command(command, sql)

    def _read_packet(self, packet_type: Any = MysqlPacket) -> Any:
        connection: Any = super()
        return connection._read_packet(_column if packet_type is FieldDescriptorPacket else packet_type)

    def commit(self) -> None:
        """Commit the transaction."""
        super().commit()
        self._is_ended = True

    def rollback(self) -> None:
        """Roll the transaction back, unless nothing was asked since the last one ended."""
        if self._is_ended:
            return
        super().rollback()
        self._is_ended = True

    def ping(self, reconnect: bool | None = False) -> None:
        """Raise the driver's error where the server is gone: one that ends says so, or closes the connection."""
        is_ended = self._is_ended
        is_fresh = time.monotonic() - self._answered_at < ALIVE_SECONDS
        if is_fresh and is_ended and not self._has_news():
            return
        connection: Any = super()
        connection.ping(reconnect)
        self._answered_at = time.monotonic()
        # Nothing was asked but whether it is there
        self._is_ended = is_ended

    def _has_news(self) -> bool:
        """Return whether something unasked for has come, or the connection is closed."""
        this: Any = self
        if this._sock is None:
            return True
        watched = select.poll()
        watched.register(this._sock, select.POLLIN | select.POLLPRI)
        return bool(watched.poll(0))
