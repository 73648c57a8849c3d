"""Session cookies that every process of the installation reads by one clock, with some leeway."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from itsdangerous import URLSafeTimedSerializer

from controller.timed_signer import lenient_signer


class SessionCookies(SecureCookieSessionInterface):
    """Flask's own cookies; one from a process that is a little ahead ends no session."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._signer = lenient_signer(clock)

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer | None:
        """See SecureCookieSessionInterface."""
        made = super().get_signing_serializer(app)
        if made is not None:
            made.signer = self._signer
        return made
