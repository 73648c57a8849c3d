"""CSRF tokens: every form carries the session's secret, and a POST to a page without it is refused."""

from __future__ import annotations

import hmac
import secrets

from flask import Flask, abort, request, session

FIELD = "csrf_token"


def csrf_token() -> str:
    """Return the session's token, created at first use."""
    token = session.get(FIELD)
    if not isinstance(token, str):
        token = session[FIELD] = secrets.token_urlsafe(32)
    return token


def check() -> None:
    """Abort with 400 when this is a POST whose form lacks the session's token."""
    if request.method in ("GET", "HEAD", "OPTIONS"):
        return
    expected, given = session.get(FIELD), request.form.get(FIELD, "")
    if not isinstance(expected, str) or not hmac.compare_digest(expected.encode(), given.encode()):
        abort(400, "csrf")


def init_app(app: Flask) -> None:
    """Register `csrf_token()` for templates."""
    app.jinja_env.globals["csrf_token"] = csrf_token
