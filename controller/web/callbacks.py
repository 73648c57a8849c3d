"""POST /api/v1/agent/events: the agents' reports."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, make_response

from controller.web.context import service
from controller.web.parsing import MAX_EVENT_BYTES, bearer_token, json_body

bp = Blueprint("callbacks", __name__)


@bp.post("/api/v1/agent/events")
def receive() -> Response:
    """Record one event; 202 with the job's attempt, 401, 409 or 410 as problem documents."""
    attempt = service().record_event(bearer_token(), json_body("event_invalid", MAX_EVENT_BYTES))
    return make_response(jsonify(attempt=attempt), 202)
