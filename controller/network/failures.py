"""Reasons for a missing answer, in the controller's own words: a server's may be hostile."""

from __future__ import annotations

import http.client
import socket
import ssl

from controller.network.exchange import TooLarge
from controller.network.resolver import Late

#: Exceptions of libraries when a connection fails or the answer is not HTTP.
BROKEN = (OSError, http.client.HTTPException, ValueError)
UNREACHABLE, BROKE, SLOW, LARGE, UNTRUSTED = "unreachable", "broke", "slow", "large", "untrusted"


class NetworkError(Exception):
    """No usable answer. `kind` is one of the kinds above; without `was_connected` nothing can have been done."""

    def __init__(self, kind: str, reason: str, *, was_connected: bool) -> None:
        super().__init__(reason)
        self.kind = kind
        self.reason = reason
        self.was_connected = was_connected


def failure(problem: Exception, *, was_connected: bool) -> NetworkError:
    """Return the NetworkError for `problem`, which is one of BROKEN."""
    kind, reason = _read(problem)
    if kind == BROKE and not was_connected:
        kind = UNREACHABLE
    return NetworkError(kind, reason, was_connected=was_connected)


def _read(problem: Exception) -> tuple[str, str]:
    if isinstance(problem, ssl.SSLCertVerificationError):
        return UNTRUSTED, f"certificate: {problem.verify_message}"[:200]
    if isinstance(problem, TimeoutError):
        # A socket's own message differs from library to library
        return SLOW, str(problem) if isinstance(problem, Late) else "no whole answer in time"
    if isinstance(problem, TooLarge):
        return LARGE, str(problem)
    # The library has no exception type for too many headers
    if isinstance(problem, http.client.LineTooLong) or type(problem) is http.client.HTTPException:
        return LARGE, "its headers are endless"
    if isinstance(problem, socket.gaierror):
        return BROKE, "the host's name is not known"
    reason = getattr(problem, "strerror", None) or type(problem).__name__
    return BROKE, str(reason)[:200]
