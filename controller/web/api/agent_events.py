"""POST /api/v1/agent/events: receive the agents' reports."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, make_response

from controller.jobs.agent_link import reports
from controller.web.support.context import agents
from controller.web.support.parsing import bearer_token, body, refuse_larger

bp = Blueprint("callbacks", __name__)


@bp.post("/api/v1/agent/events")
def receive() -> Response:
    """Record one event. Answer 202 with the job's attempt, or 401, 409, 410, 413 or 429 as a problem document."""
    token = bearer_token()
    refuse_larger(reports.LARGEST_BYTES)
    # Check the token before the body is read
    agents().check(token)
    content = body(reports.LARGEST_BYTES)
    attempt = agents().record(token, reports.read(content), len(content))
    return make_response(jsonify(attempt=attempt), 202)
