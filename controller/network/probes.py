"""Probe whether another machine answers at all, and with which certificate; nothing is sent."""

from __future__ import annotations

import ssl
from contextlib import closing

from controller.network.exchange import Exchange
from controller.network.failures import BROKEN, failure


def connect(host: str, port: int, seconds: float) -> None:
    """Connect to `host`:`port` and close the connection. Raises NetworkError."""
    try:
        Exchange(seconds).connect(host, port).close()
    except BROKEN as problem:
        raise failure(problem, was_connected=False) from None


def handshake(host: str, port: int, context: ssl.SSLContext, name: str, seconds: float) -> None:
    """Check the certificate of `host`:`port` for `name`. Raises NetworkError, of kind UNTRUSTED for an invalid one."""
    exchange = Exchange(seconds)
    try:
        with closing(exchange.encrypt(exchange.connect(host, port), context, name)):
            return
    except BROKEN as problem:
        raise failure(problem, was_connected=False) from None
