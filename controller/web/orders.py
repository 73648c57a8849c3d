"""POST /api/v1/orders and GET /api/v1/services/<id>: what billing asks, signed."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, make_response

from controller.web.context import service
from controller.web.parsing import json_body
from controller.web.signed import signed

bp = Blueprint("orders", __name__)


@bp.post("/api/v1/orders")
@signed
def place() -> Response:
    """Take one order; 202 with the job's status."""
    job = service().place_order(json_body("order_invalid"), source="api")
    return make_response(jsonify(service().service_status(job)), 202)


@bp.get("/api/v1/services/<service_id>")
@signed
def show(service_id: str) -> Response:
    """Answer with the status of the newest job of billing's service (or of the job with that id)."""
    return jsonify(service().service_status(service().find_service(service_id)))
