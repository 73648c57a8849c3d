"""The web application: assembles all of the controller's HTTP interface from thin blueprints."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

from flask import Flask, redirect, request, url_for
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.wrappers import Response

from controller.db.identities.sessions import LIFETIME_SECONDS
from controller.jobs.intake.service import Service, open_service
from controller.settings.rules import LOOPBACK
from controller.settings.sections import Config
from controller.shop_address import ShopAddress
from controller.web.api import agent_events, bundles, monitoring, openapi, orders
from controller.web.pages import operator
from controller.web.pages.client import credentials, status
from controller.web.pages.operator import starts
from controller.web.server.agent_socket import agents_only
from controller.web.server.plain_paths import plain_paths
from controller.web.support import context, csrf, errors, i18n, labels, messages, security
from controller.web.support.parsing import MAX_BODY_BYTES
from controller.web.support.session_cookies import SessionCookies, of_this_host

STATIC_DAYS = 30


def create_app(config: Config, service: Service | None = None) -> Flask:
    """Return the WSGI application of the installation that `config` describes; `service` is opened unless given.

    Raises ShoplaunchError `not_initialised`, `config_invalid`, `database_busy`.
    """
    service = service or open_service(config)
    app = Flask(__name__)
    _configure(app, config, service.access.cookie_keys)
    context.init_app(app, service)
    app.before_request(_require_own_tables)
    app.session_interface = SessionCookies(service.now, service.access.newer_cookie_keys)
    i18n.init_app(app)
    security.init_app(app, https=urlsplit(config.public_url).scheme == "https")
    csrf.init_app(app)
    errors.init_app(app)
    labels.init_app(app)
    messages.init_app(app)
    starts.init_app(app)
    for blueprint in (
        orders.bp,
        agent_events.bp,
        bundles.bp,
        openapi.bp,
        status.bp,
        credentials.bp,
        monitoring.bp,
        operator.make_blueprint(),
    ):
        app.register_blueprint(blueprint)
    app.add_url_rule("/", "home", _home)
    return app


def _configure(app: Flask, config: Config, session_keys: tuple[bytes, ...]) -> None:
    url = urlsplit(config.public_url)
    # Only a plain-http address on this machine may go without
    secure = url.scheme == "https" or url.hostname not in LOOPBACK
    app.config.update(
        SECRET_KEY=session_keys[-1],
        SECRET_KEY_FALLBACKS=list(session_keys[:-1]),
        # The limit for forms; `parsing.body` sets its own
        MAX_CONTENT_LENGTH=MAX_BODY_BYTES + 1,
        MAX_FORM_MEMORY_SIZE=MAX_BODY_BYTES,
        SESSION_COOKIE_NAME=of_this_host("shoplaunch", secure=secure),
        SESSION_COOKIE_SECURE=secure,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=timedelta(seconds=LIFETIME_SECONDS),
        SEND_FILE_MAX_AGE_DEFAULT=timedelta(days=STATIC_DAYS),
    )
    app.jinja_env.filters["readable"] = lambda host, folder: ShopAddress.on_usual_port(host, folder).readable
    app.jinja_env.globals["asset_version"] = _asset_version(Path(app.static_folder or ""))
    # Merging redirects to the host and scheme that the request names
    app.url_map.merge_slashes = False
    hops = config.trusted_proxies
    if hops:
        # Scheme and host come from `public_url`, never from a header
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=0, x_host=0)  # type: ignore[method-assign]
    app.wsgi_app = agents_only(app.wsgi_app, config.agent_socket_path.parent)  # type: ignore[assignment, method-assign]
    app.wsgi_app = plain_paths(app.wsgi_app)  # type: ignore[assignment, method-assign]


def _asset_version(folder: Path) -> str:
    """Return a short digest of the static files: a new version has a new address, caches need not revalidate."""
    digest = sha256()
    for path in sorted(folder.iterdir()):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:10]


def _require_own_tables() -> None:
    """Refuse everything but monitoring once another version has migrated the database. Raises database_newer."""
    if request.endpoint != "static" and request.blueprint != monitoring.bp.name:
        context.monitoring().require_own_tables()


def _home() -> Response:
    return redirect(url_for("admin.jobs"))
