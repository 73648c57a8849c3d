"""Session cookies that tolerate small clock differences between the installation's processes, of this host alone."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from itsdangerous import URLSafeTimedSerializer

from controller.timed_signer import lenient_signer


def of_this_host(name: str, *, secure: bool) -> str:
    """Return the name of the cookie `name`; over TLS browsers take one of such a name from this very host alone.

    A client's shop may be at a neighbouring name below the same domain, and set cookies for all of that.
    """
    return f"__Host-{name}" if secure else name


class SessionCookies(SecureCookieSessionInterface):
    """Flask's own cookies; one from a process whose clock is a little ahead stays valid."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._signer = lenient_signer(clock)

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer | None:
        """See SecureCookieSessionInterface."""
        made = super().get_signing_serializer(app)
        if made is not None:
            made.signer = self._signer
        return made
