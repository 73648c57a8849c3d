"""Resolve names of hosts within a time limit, as the system's own resolver has no deadline."""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

#: Lookups in parallel; one that nothing waits for any more ends by the system's own time-outs.
_OPEN = threading.BoundedSemaphore(32)


class Late(TimeoutError):
    """The time is over; the text says what was waited for."""


def resolve(host: str, port: int | None, seconds: float) -> list[Any]:
    """Return socket.getaddrinfo's result for TCP `port` at `host`. Raises OSError, TimeoutError after `seconds`."""
    if _is_address(host):
        return _asked(host, port)
    return list(_answer(partial(_asked, host, port), seconds))


def own_name(seconds: float) -> str:
    """Return this machine's name, with its domain where name servers know it. Raises TimeoutError after `seconds`."""
    return str(_answer(socket.getfqdn, seconds))


def _answer(ask: Callable[[], Any], seconds: float) -> Any:
    if not _OPEN.acquire(timeout=seconds):
        raise Late("the name servers do not answer")
    question = _Question(ask)
    try:
        threading.Thread(target=question.ask, name="resolver", daemon=True).start()
    except RuntimeError:
        # When no thread can be started, the system's own time-outs apply
        question.ask()
    except BaseException:
        _OPEN.release()
        raise
    return question.answer(seconds)


class _Question:
    def __init__(self, ask: Callable[[], object]) -> None:
        self._ask = ask
        self._done = threading.Event()
        self._found: Any = None
        self._problem: Exception | None = None

    def ask(self) -> None:
        try:
            self._found = self._ask()
        except Exception as problem:  # noqa: BLE001 - raised in the waiting thread
            self._problem = problem
        finally:
            _OPEN.release()
            self._done.set()

    def answer(self, seconds: float) -> Any:
        if not self._done.wait(seconds):
            raise Late("the name servers do not answer")
        if self._problem is not None:
            raise self._problem
        return self._found


def _asked(host: str, port: int | None) -> list[Any]:
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError:
        raise OSError("not a host name") from None


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
