"""/healthz, /readyz and /metrics: endpoints for monitoring systems."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, make_response

from controller.jobs.engine.health import Health
from controller.web.support.context import monitoring
from controller.web.support.labels import STATES

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


def _numbers(health: Health) -> dict[str, Any]:
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
    health = monitoring().health()
    lines = _gauge("shoplaunch_jobs", "Jobs by state.")
    if health.jobs is not None:
        lines += [f'shoplaunch_jobs{{state="{state}"}} {health.jobs.get(state, 0)}' for state in STATES]
    lines += _gauge("shoplaunch_ready", "Whether orders are taken and worked on.")
    lines.append(f"shoplaunch_ready {int(health.error is None)}")
    lines += _gauge("shoplaunch_loop_age_seconds", "Since a worker's loop last moved; +Inf without any.")
    lines.append(f"shoplaunch_loop_age_seconds {'+Inf' if health.loop_age is None else round(health.loop_age, 1)}")
    lines += _gauge("shoplaunch_chores_age_seconds", "Since what belongs to no job last moved, where a worker says.")
    if health.chores_age is not None:
        lines.append(f"shoplaunch_chores_age_seconds {round(health.chores_age, 1)}")
    lines += _gauge("shoplaunch_oldest_overdue_seconds", "Since when the job that waits longest is due.")
    lines.append(f"shoplaunch_oldest_overdue_seconds {round(health.oldest_overdue, 1)}")
    lines += _gauge("shoplaunch_orders_without_job", "Orders no job was made of, by reason.")
    for reason in ("refused", "waiting", "forgotten"):
        lines.append(f'shoplaunch_orders_without_job{{reason="{reason}"}} {getattr(health, reason)}')
    lines += _gauge("shoplaunch_alarms_undelivered", "Alarms the operator did not get.")
    lines.append(f"shoplaunch_alarms_undelivered {health.alarms}")
    lines += _starts(health)
    return Response("\n".join(lines) + "\n", content_type="text/plain; version=0.0.4; charset=utf-8")


def _starts(health: Health) -> list[str]:
    """Return how many agents of finished jobs were started in which way, and the seconds until their first report."""
    labels = [f'{{way="{one.way}",reason="{one.reason}"}}' for one in health.starts]
    lines = _counter("shoplaunch_agent_starts_total", "Agents of finished jobs by how they were started, and why so.")
    lines += [
        f"shoplaunch_agent_starts_total{label} {one.number}" for label, one in zip(labels, health.starts, strict=True)
    ]
    lines += _counter("shoplaunch_agent_start_wait_seconds_total", "From cron line to first report, all of them.")
    return lines + [
        f"shoplaunch_agent_start_wait_seconds_total{label} {round(one.waited, 3)}"
        for label, one in zip(labels, health.starts, strict=True)
    ]


def _counter(name: str, what: str) -> list[str]:
    return [f"# HELP {name} {what}", f"# TYPE {name} counter"]


def _gauge(name: str, what: str) -> list[str]:
    return [f"# HELP {name} {what}", f"# TYPE {name} gauge"]
