"""RFC 9457 problem documents: every failure of the HTTP interface as a code with advice."""

from __future__ import annotations

import json
import logging
from contextlib import suppress

from flask import Flask, Response, current_app, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from shared.errors import CODES, ShoplaunchError

LOG = logging.getLogger(__name__)
MEDIA_TYPE = "application/problem+json"
#: The HTTP status of codes that name none in the catalogue: the request is wrong, and the same again would be.
USUAL_STATUS = 400
#: A refused body is read and discarded up to this size, so that the sender gets to read the refusal.
DRAIN_BYTES = 16 * 1024 * 1024
RETRY_AFTER_SECONDS = 10


def status_of(code: str, otherwise: int = USUAL_STATUS) -> int:
    """Return the HTTP status of the code in the catalogue, or `otherwise` where it names none."""
    return CODES[code].get("status", otherwise)


def problem(error: ShoplaunchError, status: int | None = None) -> Response:
    """Return `error` as a problem document; `status` defaults to the code's own HTTP status."""
    status = status or status_of(error.code)
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
        # The server does it (controller.web.server.whole_requests), and no thread waits for it
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
