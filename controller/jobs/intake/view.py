"""A job as callers see it: the service status, the agent's stages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from controller.db import facts, steps
from controller.db.connection.engine import reading
from controller.db.jobs import Job
from controller.db.machines import breakers
from controller.db.machines.breakers import Breaker
from controller.db.orders.services import BilledService
from controller.db.steps import StepRow
from controller.jobs.agent_judgement import agent_trouble, starting
from controller.jobs.intake.installation import Installation
from controller.jobs.lifecycle import late_removals, plan, states
from controller.jobs.lifecycle.panel_access import server_outage
from controller.timestamps import iso
from shared.events import STAGES

if TYPE_CHECKING:
    from shared.documents import AgentView, BillingEvent, ServiceStatus, StageView, Start, Step

#: What a job waits for whose server fails, and one whose server may still carry out a removal.
SERVER, REMOVAL = "server", "removal"
_WITH_URLS = (states.FINISHING, states.LIVE)
#: States in which every step of the plan is still before the job, or behind it.
_MAY_MOVE = tuple(state for state in states.STATES if state not in (states.LIVE, states.CANCELLED, states.IGNORED))


def statuses(installation: Installation, many: Sequence[Job]) -> list[ServiceStatus]:
    """Return the documents of shared/schemas/service.json of several jobs."""
    with reading(installation.engine) as connection:
        rows = steps.of_jobs(connection, [job.id for job in many])
        opened = breakers.opened(connection)
    base = f"{installation.config.public_url.rstrip('/')}/status/"
    return [
        service_status(
            job, rows[job.id], base + installation.tokens.for_status(job.id), server_outage.of_job(job, opened)
        )
        for job in many
    ]


def service_status(
    job: Job, rows: Mapping[str, StepRow], status_url: str, breaker: Breaker | None = None
) -> ServiceStatus:
    """Return the document of shared/schemas/service.json; `breaker` is the open one for which the job waits."""
    known = facts.of(job)
    waiting_for, waiting_why, next_look_at = _waiting(job, breaker)
    return {
        "id": job.id,
        "kind": job.kind,
        "server": job.server,
        "account": job.account,
        "domain": job.domain,
        "folder": job.folder,
        "bundle": job.bundle,
        "variant": job.order.get("variant"),
        "noun": job.noun,
        "state": job.state,
        "step": job.step,
        "attempt": job.attempt,
        "percent": job.percent,
        "error": job.error,
        "service_id": job.service_id,
        "created_at": iso(job.created_at),
        "updated_at": iso(job.updated_at),
        "shop_url": known.shop_url,
        "admin_url": known.admin_url if job.state in _WITH_URLS else None,
        "status_url": status_url,
        "waiting_for": waiting_for,
        "waiting_why": waiting_why,
        "next_look_at": next_look_at,
        "ended_at": iso(job.ended_at),
        "parent": job.parent,
        "start": _start(job),
        "tls": known.tls.state,
        "tls_reason": known.tls.reason,
        "steps": [_step(row) for row in _rows(job, rows)],
    }


def _waiting(job: Job, breaker: Breaker | None) -> tuple[str | None, str | None, str | None]:
    """Return what the job waits for, why, and when it is looked at again."""
    until = late_removals.holding(job) if job.state == states.CANCELLED else None
    if breaker is not None:
        return SERVER, breaker.reason, iso(breaker.next_at)
    if until is not None:
        return REMOVAL, late_removals.words(until), iso(until)
    return None, None, None


def _start(job: Job) -> Start | None:
    found = starting.of(job)
    if found is None:
        return None
    waited = None if found.waited is None else round(found.waited, 3)
    return {"way": found.way, "reason": found.reason, "waited_seconds": waited}


def waiting_service(service: BilledService, server: str, noun: str, waiting_for: str | None) -> ServiceStatus:
    """Return the document of shared/schemas/service.json for a billing service without a job."""
    wanted: BillingEvent | dict[str, None] = service.wanted or {}
    ended = service.terminated_at is not None
    return {
        "id": None,
        "kind": "restore",
        "server": server,
        "account": wanted.get("account"),
        "domain": str(wanted.get("domain") or ""),
        "folder": str(wanted.get("folder") or ""),
        "bundle": str(wanted.get("bundle") or ""),
        "variant": wanted.get("variant"),
        "noun": noun,
        "state": states.CANCELLED if ended else states.FAILED if service.error else states.RECEIVED,
        "step": None,
        "attempt": 0,
        "percent": 0,
        "error": None if ended or service.error is None else service.error,
        "service_id": service.service_id,
        "created_at": iso(service.module_created_at or service.accepted_at),
        "updated_at": iso(service.updated_at),
        "shop_url": None,
        "admin_url": None,
        "status_url": None,
        "waiting_for": None if ended else waiting_for,
        "ended_at": iso(service.terminated_at),
        "steps": [],
    }


def _rows(job: Job, rows: Mapping[str, StepRow]) -> list[StepRow]:
    """Return the job's steps in the plan's order; one that a job stored earlier lacks waits, unless the job is over."""
    known = plan.with_waiting(job.kind, rows) if job.state in _MAY_MOVE else rows
    return [known[name] for name in plan.of(job.kind) if name in known]


def _step(row: StepRow) -> Step:
    return {
        "name": row.name,
        "state": row.state,
        "attempts": row.attempts,
        "started_at": iso(row.started_at),
        "finished_at": iso(row.finished_at),
        "error": row.error,
        "note": row.note or None,
    }


def agent(job: Job, now: float) -> AgentView:
    """Return the document of shared/schemas/agent-view.json."""
    stages: list[StageView] = []
    for name in STAGES:
        if name in job.progress:
            found = job.progress[name]
            stages.append(
                {
                    "name": name,
                    "state": found["state"],
                    "seconds": found.get("seconds"),
                    "started_at": iso(found.get("started_at")),
                    "finished_at": iso(found.get("finished_at")),
                }
            )
    expected = starting.expected_in(job, now)
    return {
        "heard_at": iso(job.heard_at),
        "in_trouble": agent_trouble.of(job) is not None,
        "expected_seconds": None if expected is None else round(expected, 1),
        "stages": stages,
    }
