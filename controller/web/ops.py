"""/healthz, /readyz and /metrics: for the machines that look after this one."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, make_response

from controller.web.context import service
from controller.web.labels import STATES
from shared.errors import ShoplaunchError

bp = Blueprint("ops", __name__)


@bp.get("/healthz")
def healthz() -> Response:
    """Answer as long as the process does."""
    return jsonify(status="ok")


@bp.get("/readyz")
def readyz() -> Response:
    """Answer 200 when the database does too, else 503 with the error's code."""
    try:
        service().ping()
    except ShoplaunchError as error:
        return make_response(jsonify(status="unavailable", code=error.code), 503)
    return jsonify(status="ok")


@bp.get("/metrics")
def metrics() -> Response:
    """Return the number of jobs in each state in Prometheus' text format."""
    counts = service().count_jobs()
    lines = ["# HELP shoplaunch_jobs Jobs by state.", "# TYPE shoplaunch_jobs gauge"]
    lines += [f'shoplaunch_jobs{{state="{state}"}} {counts.get(state, 0)}' for state in STATES]
    return Response("\n".join(lines) + "\n", content_type="text/plain; version=0.0.4; charset=utf-8")
