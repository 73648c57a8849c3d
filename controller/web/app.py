"""The web application: everything the controller says by HTTP, put together from thin blueprints."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, g, redirect, url_for
from werkzeug.middleware.proxy_fix import ProxyFix

from controller.web import admin, callbacks, context, csrf, errors, i18n, labels, ops, orders, security, status
from controller.web.admin import view
from controller.web.admin.session import LIFETIME_SECONDS

#: No request has a reason to be larger: an order is 2 KiB, an event with its log at most 200 lines.
MAX_BODY_BYTES = 256 * 1024
LOOPBACK = ("127.0.0.1", "::1", "localhost")


def build(service: Any, public_url: str, secret_keys: list[bytes], trusted_proxies: int = 0) -> Flask:
    app = Flask(__name__)
    url = urlsplit(public_url)
    https = url.scheme == "https"
    # Only a plain-http address of this very machine may do without
    secure = https or url.hostname not in LOOPBACK
    app.config.update(
        SECRET_KEY=secret_keys[-1],
        SECRET_KEY_FALLBACKS=secret_keys[:-1],
        MAX_CONTENT_LENGTH=MAX_BODY_BYTES,
        MAX_FORM_MEMORY_SIZE=MAX_BODY_BYTES,
        SESSION_COOKIE_NAME="shoplaunch",
        SESSION_COOKIE_SECURE=secure,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=timedelta(seconds=LIFETIME_SECONDS),
        SEND_FILE_MAX_AGE_DEFAULT=timedelta(days=30),
    )
    if trusted_proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=trusted_proxies, x_proto=trusted_proxies, x_host=trusted_proxies)  # type: ignore[method-assign]
    app.extensions[context.EXTENSION] = service
    i18n.init_app(app)
    security.init_app(app, https)
    csrf.init_app(app)
    errors.init_app(app)

    @app.before_request
    def remember() -> None:
        g.secure_cookies = secure

    app.jinja_env.filters["with_code"] = view.with_code
    app.jinja_env.globals.update(
        state_label=labels.state_label,
        state_tone=labels.state_tone,
        step_label=labels.step_label,
        step_state_label=labels.step_state_label,
        states=tuple(labels.STATES),
        asset_version="1",
    )
    for blueprint in (orders.bp, callbacks.bp, status.bp, ops.bp, admin.make_blueprint()):
        app.register_blueprint(blueprint)
    app.add_url_rule("/", "home", lambda: redirect(url_for("admin.jobs")))
    return app
