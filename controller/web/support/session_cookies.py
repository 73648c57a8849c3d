"""Session cookies that tolerate small clock differences between the installation's processes, of this host alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

from flask import Flask, Request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from itsdangerous import BadData, URLSafeTimedSerializer

from controller.timed_signer import lenient_signer


def of_this_host(name: str, *, secure: bool) -> str:
    """Return the name of the cookie `name`; over TLS browsers take one of such a name from this very host alone.

    A client's shop may be at a neighbouring name below the same domain, and set cookies for all of that.
    """
    return f"__Host-{name}" if secure else name


class SessionCookies(SecureCookieSessionInterface):
    """Flask's own cookies; one from a process whose clock is a little ahead stays valid, and so does one of a process
    that was started since newer keys were made: `newer_keys` returns those."""

    def __init__(self, clock: Callable[[], float], newer_keys: Callable[[], Sequence[bytes]]) -> None:
        self._signer = lenient_signer(clock)
        self._newer_keys = newer_keys

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """See SecureCookieSessionInterface."""
        found = super().open_session(app, request)
        made, value = self.get_signing_serializer(app), request.cookies.get(self.get_cookie_name(app))
        if found or made is None or not value:
            return found
        made.secret_keys = list(self._newer_keys())
        with suppress(BadData):
            return self.session_class(made.loads(value, max_age=int(app.permanent_session_lifetime.total_seconds())))
        return found

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer | None:
        """See SecureCookieSessionInterface."""
        made = super().get_signing_serializer(app)
        if made is not None:
            made.signer = self._signer
        return made
