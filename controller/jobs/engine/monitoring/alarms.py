"""Alarms: notify the operator of a job or an order that needs attention; one counts only once it is delivered."""

from __future__ import annotations

import logging

import sqlalchemy as sa

from controller.billing.base import Alarm, Billing
from controller.db import facts
from controller.db.connection.clock import AHEAD_SECONDS
from controller.db.connection.engine import reading
from controller.db.facts import Problem
from controller.db.jobs import Job
from controller.db.upkeep import health
from controller.jobs.lifecycle import changes, plan
from controller.jobs.lifecycle.panel_access import panel_lockout
from controller.jobs.lifecycle.step_context import Tools
from controller.jobs.record import sanitize
from controller.jobs.shop import notifications
from controller.shop_address import ShopAddress
from shared.errors import ShoplaunchError, advice, is_known

LOG = logging.getLogger(__name__)
#: Between two alarms of one job: an account's owner can make its job fail any number of times.
APART_SECONDS = 3600.0
#: Instead of an error that may quote text of the account's owner, which must not get into mails and tickets.
ELSEWHERE = "The exact message, which others have written, is on the page named below."


def due_at(job: Job, now: float) -> float:
    """Return the time from which the job's alarm may be delivered."""
    alarmed_at = facts.of(job).alarmed_at
    # A locked server is reported once, by one job: that needs no pause
    is_locked = job.error is not None and job.error["code"] == panel_lockout.CODE
    if alarmed_at is None or alarmed_at > now + AHEAD_SECONDS or is_locked:
        return now
    return alarmed_at + APART_SECONDS


def of_job(tools: Tools, job: Job) -> Alarm:
    """Return the alarm that describes the job's state."""
    code, message = (job.error["code"], job.error["message"]) if job.error else ("", "")
    code = code if is_known(code) else sanitize.UNKNOWN
    step = plan.named(job.step or "")
    return Alarm(
        job=job.id,
        domain=ShopAddress.on_usual_port(job.domain, job.folder).readable,
        server=job.server,
        state=job.state,
        step=job.step,
        code=code,
        message=message if plan.is_quotable(job.step) else ELSEWHERE,
        advice=advice(code),
        admin_url=f"{tools.config.public_url.rstrip('/')}/admin/jobs/{job.id}",
        about=notifications.about(tools, job),
        language=tools.config.mail.operator_language,
        step_label=step.label if step else "",
        # Until it is noted as delivered, the one before it is the same
        number=str(round(facts.of(job).alarmed_at or job.created_at)),
    )


def deliver(billing: Billing, news: Alarm) -> Problem | None:
    """Deliver the alarm; return what prevented that, None on success."""
    try:
        billing.alarm(news)
    except ShoplaunchError as problem:
        LOG.warning("%s: the operator could not be notified: %s", news.job, problem.message)
        return Problem(problem.code, problem.message)
    except Exception as problem:
        LOG.exception("%s: the operator could not be notified", news.job)
        document = changes.as_document(problem)
        return Problem(document["code"], document["message"])
    return None


def undelivered(engine: sa.Engine, limit: int) -> list[dict[str, object]]:
    """Return [{"job", "domain", "server", "state", "since", "error", "problem"}] of jobs whose alarm is not delivered;
    `problem` is {"code", "message"}, None before the first try."""
    with reading(engine) as connection:
        rows = health.jobs_wanting_alarm(connection, limit)
    return [
        {
            "job": row.job,
            "domain": ShopAddress.on_usual_port(row.domain, row.folder).readable,
            "server": row.server,
            "state": row.state,
            "since": row.since,
            "error": row.error,
            "problem": None if row.problem is None else vars(row.problem),
        }
        for row in rows
    ]
