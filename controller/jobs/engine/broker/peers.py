"""Connections to a broker that say nothing, not even the password, to an account of this machine at the broker's port.

Over TLS the certificate says whose port it is.
"""

from __future__ import annotations

import socket
from typing import Any

from amqp.transport import TCPTransport

from controller.network import local_peers


def redis_channel(kind: Any) -> Any:
    """Return the class of Redis' channels `kind` (kombu) whose plain connections are such."""

    def connect(self: Any) -> Any:
        found = super(made, self)._connect()
        _require(found)
        return found

    made: Any = type("ProvenConnection", (kind.connection_class,), {"_connect": connect})
    return type("ProvenChannel", (kind,), {"connection_class": made})


def rabbitmq_connection(kind: Any) -> Any:
    """Return the class of RabbitMQ's connections `kind` (kombu) that are such unless they are over TLS."""

    def transport(
        self: Any, host: str, wait: float, tls: Any = False, read: Any = None, write: Any = None, **more: Any
    ) -> Any:
        if tls:
            return super(made, self).Transport(host, wait, tls, read, write, **more)
        return _Proven(host, connect_timeout=wait, read_timeout=read, write_timeout=write, **more)

    made: Any = type("ProvenConnection", (kind,), {"Transport": transport})
    return made


class _Proven(TCPTransport):  # type: ignore[misc]
    def _connect(self, *place: Any) -> None:
        super()._connect(*place)
        _require(self.sock)


def _require(connected: socket.socket) -> None:
    try:
        local_peers.require_no_account_here(connected)
    except OSError:
        connected.close()
        raise
