"""Notifies the client while the shop is built: of the beginning, and of a delay. Failures never stop the shop."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import sqlalchemy as sa

from controller.billing.base import About, Unsettled
from controller.db import facts, jobs
from controller.db.connection.engine import reading, transact
from controller.db.jobs import Job
from controller.db.orders import services
from controller.jobs.lifecycle import states
from controller.jobs.lifecycle.step_context import Tools
from controller.jobs.shop import notification_log
from controller.shop_address import ShopAddress
from shared.errors import ShoplaunchError
from shared.job import RESTORE

LOG = logging.getLogger(__name__)
ANNOUNCE, DELAYED = "announce", "delayed"
#: A job that needs an operator for this long delays its client's shop.
DELAY_SECONDS = 600.0
#: Seconds before each repetition; the last one is repeated.
DELAYS = (20.0, 60.0, 300.0, 900.0, 3600.0)
#: After this many consecutive failures the notification is outdated.
MAX_TRIES = 24
GIVEN_UP = "given up: "
_BUILT = (states.PREPARING, states.DROPPED, states.RESTORING, states.FINISHING, states.FAILED, states.STALLED)
_TROUBLED = (states.FAILED, states.STALLED)


def about(tools: Tools, job: Job) -> About:
    """Return the context of this job's notifications."""
    service = None
    if job.service_id:
        with reading(tools.engine) as connection:
            service = services.get(connection, job.signed_by, job.service_id)
    return About(
        job=job.id,
        domain=ShopAddress.on_usual_port(job.domain, job.folder).readable,
        email=job.email,
        first_name=str(job.order.get("first_name") or ""),
        language=job.language,
        status_url=f"{tools.config.public_url.rstrip('/')}/status/{tools.tokens.for_status(job.id)}",
        service_id=job.service_id or "",
        client_id=(service.client_id if service else None) or "",
        noun=job.noun,
        log=notification_log.JobNotificationLog(tools.engine, job.id, tools.clock, tools.lease),
    )


def times(job: Job, tools: Tools) -> dict[str, float]:
    """Return notification -> when to send it (unix seconds), of those still to be sent."""
    found: dict[str, float] = {}
    if not tools.billing.keeps_posted or job.ended_at is not None or job.kind != RESTORE:
        return found
    log = notification_log.known(job)
    if job.state in _BUILT and not log.get(_done(ANNOUNCE)):
        found[ANNOUNCE] = _number(log, _due_at(ANNOUNCE))
    if (
        job.state in _TROUBLED
        and job.alarm == "told"
        and log.get("trouble_at") is not None
        and not log.get(_done(DELAYED))
    ):
        found[DELAYED] = max(_number(log, "trouble_at") + DELAY_SECONDS, _number(log, _due_at(DELAYED)))
    return found


def ticket(job: Job) -> str:
    """Return the number of the order's ticket as people know it, "" when there is none."""
    known = notification_log.known(job).get("ticket")
    return str(known.get("tid", "")) if isinstance(known, Mapping) else ""


def given_up_code(job: Job) -> str:
    """Return the error code for which the notification of the beginning was given up, "" when it was not."""
    _, given_up, code = str(notification_log.known(job).get(_done(ANNOUNCE), "")).partition(GIVEN_UP)
    return code if given_up else ""


def send(job: Job, tools: Tools, what: str) -> None:
    """Send the notification now; note success or the next try. Raises controller.jobs.lifecycle.lease.Lost."""
    tools.require_lease()
    billing, news = tools.billing, about(tools, job)
    try:
        note = billing.announce(news) if what == ANNOUNCE else billing.delayed(news)
    except Exception as error:  # noqa: BLE001 - no failure may stop the shop
        LOG.warning(
            "job %s: %s: %s", job.id, what, error if isinstance(error, ShoplaunchError) else type(error).__name__
        )
        _keep(tools, job.id, **_failed(job, what, error, tools.clock()))
        return
    _keep(tools, job.id, **{_done(what): note or "told", _due_at(what): None, _tries(what): None})


def _failed(job: Job, what: str, error: Exception, now: float) -> dict[str, object]:
    if isinstance(error, Unsettled):
        return {_due_at(what): now + error.seconds}
    tries = int(_number(notification_log.known(job), _tries(what)))
    may_pass = error.retryable if isinstance(error, ShoplaunchError) else False
    if not may_pass or tries + 1 >= MAX_TRIES:
        code = error.code if isinstance(error, ShoplaunchError) else "internal"
        return {_done(what): GIVEN_UP + code, _due_at(what): None}
    return {_due_at(what): now + DELAYS[min(tries, len(DELAYS) - 1)], _tries(what): tries + 1}


def _keep(tools: Tools, job_id: str, **news: object) -> None:
    def work(connection: sa.Connection) -> None:
        job = jobs.get(connection, job_id, lock=True)
        tools.check(job)
        jobs.update(connection, job, tools.clock(), **facts.column(notification_log.remembered(facts.of(job), **news)))

    transact(tools.engine, work)


def _number(log: Mapping[str, object], name: str) -> float:
    """Return the number in the log, 0 when there is none."""
    value = log.get(name)
    return value if isinstance(value, int | float) else 0


def _done(what: str) -> str:
    return f"{what}_done"


def _due_at(what: str) -> str:
    return f"{what}_at"


def _tries(what: str) -> str:
    return f"{what}_tries"
