"""The cookie of a known device: failed logins of strangers do not lock it out."""

from __future__ import annotations

import hashlib
import secrets

from flask import Response, current_app, request
from itsdangerous import BadData, URLSafeTimedSerializer

COOKIE = "shoplaunch_device"
LIFETIME_SECONDS = 180 * 86_400
_PATH = "/admin"


def known(user: str) -> str:
    """Return the name of the device when it has signed in as `user` before, "" otherwise."""
    try:
        found = _serializer().loads(request.cookies.get(COOKIE, ""), max_age=LIFETIME_SECONDS)
    except BadData:
        return ""
    if not isinstance(found, dict):
        return ""
    name = found.get(user)
    return name if isinstance(name, str) else ""


def remember(response: Response, user: str) -> None:
    """Remember the device as one of `user` from now on."""
    name = known(user) or secrets.token_hex(16)
    secure = bool(current_app.config["SESSION_COOKIE_SECURE"])
    value = _serializer().dumps({user: name})
    response.set_cookie(COOKIE, str(value), LIFETIME_SECONDS, path=_PATH, secure=secure, httponly=True, samesite="Lax")


def _serializer() -> URLSafeTimedSerializer:
    keys = [*current_app.config["SECRET_KEY_FALLBACKS"], current_app.config["SECRET_KEY"]]
    signer = {"key_derivation": "hmac", "digest_method": hashlib.sha256}
    return URLSafeTimedSerializer(keys, salt="shoplaunch/device", signer_kwargs=signer)
