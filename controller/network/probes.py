"""Whether another machine answers at all, and with which certificate; nothing is sent."""

from __future__ import annotations

import ssl
from contextlib import closing

from controller.network.exchange import Exchange
from controller.network.failures import BROKEN, failure


def connect(host: str, port: int, seconds: float) -> None:
    """Return when `host`:`port` takes a connection. Raises NetworkError."""
    try:
        Exchange(seconds).connect(host, port).close()
    except BROKEN as problem:
        raise failure(problem, was_connected=False) from None


def handshake(host: str, port: int, context: ssl.SSLContext, name: str, seconds: float) -> None:
    """Return when `host`:`port` shows a valid certificate for `name`. Raises NetworkError, of the kind UNTRUSTED when
    it shows another one."""
    exchange = Exchange(seconds)
    try:
        with closing(exchange.encrypt(exchange.connect(host, port), context, name)):
            return
    except BROKEN as problem:
        raise failure(problem, was_connected=False) from None
