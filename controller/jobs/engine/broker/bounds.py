"""Limits on what is held of a broker's answers: strangers who may write there choose how large a message is."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from amqp.method_framing import frame_handler
from redis._parsers import _RESP2Parser, _RESP3Parser
from redis._parsers.socket import SocketBuffer
from redis.exceptions import ConnectionError as ConnectionEnded

#: Of a message, or of an answer of Redis. A hint has less than two thousand bytes, with all that Celery adds.
MOST_BYTES = 64 * 1024
#: RabbitMQ's kinds of frames: a message's header, of which bytes 4 to 12 are the size of its body; a part of its body.
_HEADER, _BODY = 2, 3
_SIZE = struct.Struct(">Q")
_SIZE_AT = 4

Frame = tuple[int, int, bytes]


class MessageTooLarge(ConnectionEnded):  # type: ignore[misc]
    """A message is larger than any hint; the connection ends before it has come."""


def frames(connection: Any, callback: Any, **more: Any) -> Callable[[Frame], bool]:
    """Return the function that takes RabbitMQ's frames (`frame_handler` of amqp.Connection). A message that is too
    large passes for one without a body, which is confirmed and ignored; nothing of its body is kept."""
    handle = frame_handler(connection, callback, **more)
    #: Channel -> bytes of a body that are still to come, and are dropped.
    dropped: dict[int, int] = {}

    def take(frame: Frame) -> bool:
        kind, channel, content = frame
        size = _SIZE.unpack_from(content, _SIZE_AT)[0] if kind == _HEADER else 0
        if size > MOST_BYTES:
            dropped[channel] = size
            empty = bytes(content[:_SIZE_AT]) + bytes(_SIZE.size) + bytes(content[_SIZE_AT + _SIZE.size :])
            return bool(handle((kind, channel, empty)))
        if kind == _BODY and dropped.get(channel, 0) > 0:
            dropped[channel] -= len(content)
            connection.bytes_recv += 1
            return False
        return bool(handle(frame))

    return take


def channel(kind: Any) -> Any:
    """Return the class of Redis' channels `kind` (kombu) with connections that hold no larger answer than MOST_BYTES. A
    message that is too large has left its queue by then."""
    found = {name: _connection(getattr(kind, name)) for name in ("connection_class", "connection_class_ssl")}
    return type("Channel", (kind,), found)


class _Buffer(SocketBuffer):  # type: ignore[misc]
    def _read_from_socket(self, length: int | None = None, *arguments: Any, **more: Any) -> Any:
        if self._buffer.getbuffer().nbytes + (length or 0) > MOST_BYTES:
            raise MessageTooLarge("a message of the broker is too large")
        return super()._read_from_socket(length, *arguments, **more)


class _Bounded:
    """What a parser of Redis' answers reads from."""

    def on_connect(self: Any, connection: Any) -> None:
        super().on_connect(connection)  # type: ignore[misc]
        self._buffer = _Buffer(self._sock, self.socket_read_size, connection.socket_timeout)


class _Parser2(_Bounded, _RESP2Parser):  # type: ignore[misc]
    pass


class _Parser3(_Bounded, _RESP3Parser):  # type: ignore[misc]
    pass


def _connection(kind: Any) -> Any:
    def set_parser(self: Any, _wanted: Any) -> None:
        # Never the one in C, which has a buffer of its own
        parser = _Parser3 if self.protocol == 3 else _Parser2
        self._parser = parser(socket_read_size=self._socket_read_size)

    return type("Connection", (kind,), {"set_parser": set_parser})
