"""POST /api/v1/orders, GET /api/v1/services/<id>, POST …/retry: the signed requests of billing systems."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, make_response

from controller.jobs.intake import billing_events, refused_orders
from controller.web.api.signed_requests import signed, signed_by
from controller.web.support.context import jobs, orders
from controller.web.support.parsing import json_body
from shared.errors import ShoplaunchError

bp = Blueprint("orders", __name__)


@bp.post("/api/v1/orders")
@signed
def place() -> Response:
    """Accept one order or one billing event of a service; answer 202 with the status."""
    body = json_body("order_invalid")
    if body.get("event") in billing_events.EVENTS:
        return make_response(jsonify(orders().take_event(body, signed_by())), 202)
    job = orders().place(body, source=refused_orders.API, signed_by=signed_by())
    return make_response(jsonify(jobs().status(job)), 202)


@bp.get("/api/v1/services/<service_id>")
@signed
def show(service_id: str) -> Response:
    """Answer with the status of billing's service: its newest job (or the job with that id), or what it waits for."""
    return jsonify(orders().service_status(service_id, signed_by()))


@bp.post("/api/v1/services/<service_id>/retry")
@signed
def retry(service_id: str) -> Response:
    """Run the failed step (or `step`) of the service's job again, or try again to create a job; 202 with the status."""
    step = json_body("order_invalid").get("step")
    if step is not None and not isinstance(step, str):
        raise ShoplaunchError("order_invalid", "step must be a name or null")
    return make_response(jsonify(orders().retry_service(service_id, step, signed_by())), 202)
