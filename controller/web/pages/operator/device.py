"""The cookie of a known device: failed logins of strangers do not lock it out."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from contextlib import suppress

from flask import Response, current_app, request
from itsdangerous import BadData, URLSafeTimedSerializer

from controller.web.support import context
from controller.web.support.session_cookies import of_this_host

COOKIE = "shoplaunch_device"
LIFETIME_SECONDS = 180 * 86_400
_PATH = "/admin"


def known(user: str) -> str:
    """Return the name of the device when it has signed in as `user` before, "" otherwise."""
    # Devices that have signed in before an update have the plain name, until they sign in again
    value = request.cookies.get(of_this_host(COOKIE, secure=_secure())) or request.cookies.get(COOKIE, "")
    found = _read(value) if value else None
    name = found.get(user) if isinstance(found, dict) else None
    return name if isinstance(name, str) else ""


def _read(value: str) -> object:
    """Return what the cookie holds, None where no key of this installation signed it: another web server may have newer
    keys."""
    with suppress(BadData):
        return _serializer(_keys()).loads(value, max_age=LIFETIME_SECONDS)
    with suppress(BadData):
        return _serializer(context.access().newer_cookie_keys()).loads(value, max_age=LIFETIME_SECONDS)
    return None


def remember(response: Response, user: str) -> None:
    """Remember the device as one of `user` from now on."""
    name = known(user) or secrets.token_hex(16)
    secure, value = _secure(), str(_serializer(_keys()).dumps({user: name}))
    # A cookie of such a name is for the whole host
    key, path = of_this_host(COOKIE, secure=secure), "/" if secure else _PATH
    response.set_cookie(key, value, LIFETIME_SECONDS, path=path, secure=secure, httponly=True, samesite="Lax")


def _secure() -> bool:
    return bool(current_app.config["SESSION_COOKIE_SECURE"])


def _keys() -> list[bytes]:
    return [*current_app.config["SECRET_KEY_FALLBACKS"], current_app.config["SECRET_KEY"]]


def _serializer(keys: Sequence[bytes]) -> URLSafeTimedSerializer:
    signer = {"key_derivation": "hmac", "digest_method": hashlib.sha256}
    return URLSafeTimedSerializer(list(keys), salt="shoplaunch/device", signer_kwargs=signer)
