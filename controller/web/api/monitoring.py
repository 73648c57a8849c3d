"""/healthz, /readyz and /metrics: endpoints for monitoring systems."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, make_response

from controller.jobs.engine.monitoring.health import Health
from controller.web.api.metrics import text
from controller.web.support.context import monitoring

bp = Blueprint("ops", __name__)


#: A driver's messages name users, hosts, files and sockets, and these endpoints are public.
_UNSAID = {
    "database_busy": "the controller's database does not answer",
    "database_full": "the disk of the controller's database is full",
    "database_unwritable": "the controller may not write to its database",
}


@bp.get("/healthz")
def healthz() -> Response:
    """Answer as long as the process does."""
    return jsonify(status="ok")


@bp.get("/readyz")
def readyz() -> Response:
    """Answer 200 when orders are taken and worked on, else 503 with the error's code; include the numbers to watch."""
    health = monitoring().health()
    if health.error is not None:
        message = _UNSAID.get(health.error.code, health.error.message)
        document = {"status": "unavailable", "code": health.error.code, "message": message}
        return make_response(jsonify(**document, **_numbers(health)), 503)
    return jsonify(status="ok", **_numbers(health))


def _numbers(health: Health) -> dict[str, object]:
    return {
        "loop_age_seconds": None if health.loop_age is None else round(health.loop_age, 1),
        "chores_age_seconds": None if health.chores_age is None else round(health.chores_age, 1),
        "oldest_overdue_seconds": round(health.oldest_overdue, 1),
        "orders_without_job": {
            "refused": health.refused, "waiting": health.waiting, "forgotten": health.forgotten,
        },
        "alarms_undelivered": health.alarms,
    }  # fmt: skip


@bp.get("/metrics")
def metrics() -> Response:
    """Return the installation's numbers in Prometheus' text format."""
    return Response(text(monitoring().health()), content_type="text/plain; version=0.0.4; charset=utf-8")
