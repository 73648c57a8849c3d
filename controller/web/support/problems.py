"""RFC 9457 problem documents: every failure of the HTTP interface as a code with advice."""

from __future__ import annotations

import json
import logging
from contextlib import suppress

from flask import Flask, Response, current_app, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from shared.errors import ShoplaunchError

LOG = logging.getLogger(__name__)
MEDIA_TYPE = "application/problem+json"
#: Codes with an HTTP status other than 400.
STATUS = {
    "body_too_large": 413,
    "bundle_missing": 404,
    "bundle_unknown": 422,
    "cancelled": 410,
    "certificate_missing": 404,
    "credentials_gone": 404,
    "currency_missing": 422,
    "database_busy": 503,
    "database_full": 503,
    "database_unwritable": 503,
    "domain_busy": 409,
    "domain_invalid": 422,
    "folder_invalid": 422,
    "folder_reserved": 422,
    "folder_unsupported": 422,
    "downloads_busy": 503,
    "email_invalid": 422,
    "event_conflict": 409,
    "event_running": 503,
    "event_too_large": 413,
    "events_full": 413,
    "events_too_fast": 429,
    "illegal_transition": 409,
    "in_use": 409,
    "internal": 500,
    "job_unknown": 404,
    "key_forbidden": 422,
    "key_throttled": 429,
    "key_unknown": 404,
    "kind_unsupported": 409,
    "language_missing": 422,
    "login_invalid": 422,
    "login_throttled": 429,
    "name_taken": 409,
    "not_initialised": 503,
    "order_invalid": 422,
    "password_unfit": 422,
    "refused_unknown": 404,
    "request_unsigned": 401,
    "account_invalid": 422,
    "role_missing": 403,
    "server_ambiguous": 422,
    "server_unknown": 422,
    "service_ending": 503,
    "service_unknown": 404,
    "status_unknown": 404,
    "superseded": 409,
    "token_invalid": 401,
    "user_unknown": 404,
    "worker_silent": 503,
    "chores_hang": 503,
    # Not the sender's fault: the request may be repeated
    "config_invalid": 503,
    "database_damaged": 503,
}
#: A refused body is read and discarded up to this size, so that the sender gets to read the refusal.
DRAIN_BYTES = 16 * 1024 * 1024
RETRY_AFTER_SECONDS = 10


def problem(error: ShoplaunchError, status: int | None = None) -> Response:
    """Return `error` as a problem document; `status` defaults to the code's own HTTP status."""
    status = status or STATUS.get(error.code, 400)
    document = {"type": "about:blank", "title": error.message, "status": status, **error.as_dict()}
    document["instance"] = request.path
    response = Response(json.dumps(document, ensure_ascii=False), status, content_type=MEDIA_TYPE)
    if status == 401:
        response.headers["WWW-Authenticate"] = "Shoplaunch"
    if "retry_after_seconds" in error.details:
        response.headers["Retry-After"] = str(error.details["retry_after_seconds"])
    elif status == 503:
        response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response


def wants_problem() -> bool:
    """Return whether the request comes from a program, which is answered with problem documents."""
    return request.path.startswith("/api/")


def init_app(app: Flask) -> None:
    """Answer failures below /api/ with problem documents; pages keep their own error pages."""
    app.register_error_handler(413, _too_large)


def from_http(error: HTTPException) -> Response:
    """Return the HTTP `error` (no such path, wrong method …) as a problem document without an error code."""
    document = {
        "type": "about:blank",
        "title": error.name,
        "status": error.code,
        "detail": error.description,
        "instance": request.path,
    }
    response = Response(json.dumps(document), error.code, content_type=MEDIA_TYPE)
    for name, value in error.get_headers():
        if name.lower() == "allow":
            response.headers[name] = value
    return response


def _too_large(_error: RequestEntityTooLarge) -> Response:
    _drain()
    response = problem(ShoplaunchError("body_too_large", "the request is larger than the limit"))
    response.headers["Connection"] = "close"
    return response


def _drain() -> None:
    if current_app.config.get("LINGERS"):
        # The server does it (controller.web.support.whole_requests), and no thread waits for it
        return
    stream = request.environ["wsgi.input"]
    left = min(request.content_length or DRAIN_BYTES, DRAIN_BYTES)
    # The sender may have disconnected; then nobody reads the answer either
    with suppress(OSError):
        while left > 0:
            piece = stream.read(min(left, 65536))
            if not piece:
                return
            left -= len(piece)
