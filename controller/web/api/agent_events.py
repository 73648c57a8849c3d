"""POST /api/v1/agent/events: the agents' reports."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, make_response

from controller.jobs.agent_link import reports
from controller.web.support.context import agents
from controller.web.support.parsing import bearer_token, body, refuse_larger

bp = Blueprint("callbacks", __name__)


@bp.post("/api/v1/agent/events")
def receive() -> Response:
    """Record one event; 202 with the job's attempt, 401, 409, 410, 413 or 429 as problem documents."""
    token = bearer_token()
    refuse_larger(reports.LARGEST_BYTES)
    # Nothing of a stranger's is read
    agents().check(token)
    content = body(reports.LARGEST_BYTES)
    attempt = agents().record(token, reports.read(content), len(content))
    return make_response(jsonify(attempt=attempt), 202)
