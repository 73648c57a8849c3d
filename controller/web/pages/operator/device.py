"""The cookie of a known device: failed logins of strangers do not lock it out."""

from __future__ import annotations

import hashlib
import secrets

from flask import Response, current_app, request
from itsdangerous import BadData, URLSafeTimedSerializer

from controller.web.support.session_cookies import of_this_host

COOKIE = "shoplaunch_device"
LIFETIME_SECONDS = 180 * 86_400
_PATH = "/admin"


def known(user: str) -> str:
    """Return the name of the device when it has signed in as `user` before, "" otherwise."""
    # Devices that have signed in before an update have the plain name, until they sign in again
    value = request.cookies.get(of_this_host(COOKIE, secure=_secure())) or request.cookies.get(COOKIE, "")
    try:
        found = _serializer().loads(value, max_age=LIFETIME_SECONDS)
    except BadData:
        return ""
    if not isinstance(found, dict):
        return ""
    name = found.get(user)
    return name if isinstance(name, str) else ""


def remember(response: Response, user: str) -> None:
    """Remember the device as one of `user` from now on."""
    name = known(user) or secrets.token_hex(16)
    secure, value = _secure(), str(_serializer().dumps({user: name}))
    # A cookie of such a name is for the whole host
    key, path = of_this_host(COOKIE, secure=secure), "/" if secure else _PATH
    response.set_cookie(key, value, LIFETIME_SECONDS, path=path, secure=secure, httponly=True, samesite="Lax")


def _secure() -> bool:
    return bool(current_app.config["SESSION_COOKIE_SECURE"])


def _serializer() -> URLSafeTimedSerializer:
    keys = [*current_app.config["SECRET_KEY_FALLBACKS"], current_app.config["SECRET_KEY"]]
    signer = {"key_derivation": "hmac", "digest_method": hashlib.sha256}
    return URLSafeTimedSerializer(keys, salt="shoplaunch/device", signer_kwargs=signer)
