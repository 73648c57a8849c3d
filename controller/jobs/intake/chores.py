"""What belongs to no job and is done now and then: alarms of refused orders, forgotten services, closed bundles."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable

from controller.billing.base import REFUSED, Alarm
from controller.db import refused_orders, services
from controller.db.connection.engine import reading, transact
from controller.db.refused_orders import RefusedOrder
from controller.jobs.engine import alarms, health, set_back
from controller.jobs.intake import billing_events, orders
from controller.jobs.intake.installation import Installation
from controller.jobs.lifecycle import bundle_readers
from controller.jobs.lifecycle.domains import readable
from controller.jobs.lifecycle.emergency_log import report
from shared.errors import ShoplaunchError

LOG = logging.getLogger(__name__)
#: Alarms in one go: many refused orders have one cause, and the first tell of it.
ALARMS = 5
#: So many failures one after the other are the mail server's, not the orders'.
FAILURES = 2
#: What could not be told is tried again after so long.
AGAIN_SECONDS = 60.0


def _nobody() -> None:
    """Nobody watches."""


def run(installation: Installation, move: Callable[[], None] = _nobody) -> None:
    """Do everything once, each apart from the others; what fails is done at the next time.

    `move` is called whenever it gets further: nothing between two calls takes longer than one mail.
    """
    for chore in (start_forgotten, tell_refused, close_bundles, bring_back):
        move()
        try:
            chore(installation, move)
        except BaseException as problem:  # noqa: BLE001 - the others are done all the same
            report(f"{chore.__name__} could not be done", problem)


def start_forgotten(installation: Installation, move: Callable[[], None] = _nobody) -> None:
    """Services whose order was taken by somebody who was killed before the job was made get it."""
    for found in health.forgotten(installation.engine, installation.now()):
        move()
        service_id = found.service_id
        with reading(installation.engine) as connection:
            known = services.get(connection, found.signed_by, service_id)
        if known is None or known.error is not None or known.terminated_at is not None:
            continue
        try:
            job = billing_events.start(installation.engine, known, installation.now())
        except ShoplaunchError as error:
            LOG.warning("service %s: %s: %s", service_id, error.code, error.message)
            continue
        except Exception:
            LOG.exception("service %s: no job can be made", service_id)
            continue
        LOG.warning("service %s was forgotten; job %s is made", service_id, job.id)
        installation.wakeup.notify()


def close_bundles(installation: Installation, _move: Callable[[], None] = _nobody) -> None:
    """Accounts whose jobs are over read no bundle, whoever was killed before closing it."""
    if installation.config.bundles.is_dir():
        bundle_readers.renew(installation.engine, installation.config.bundles, installation.now())


def bring_back(installation: Installation, _move: Callable[[], None] = _nobody) -> None:
    """Jobs that were noted while the database's clock was ahead go on by the clock of now."""
    set_back.bring_back(installation.engine, installation.now(), installation.config.job_hours)


def tell_refused(installation: Installation, move: Callable[[], None] = _nobody) -> None:
    """The operator knows of refused orders, or will be told later."""
    with reading(installation.engine) as connection:
        found = refused_orders.wanting_alarm(connection, installation.now(), ALARMS)
    failures = 0
    for order in found:
        move()
        claimed = transact(
            installation.engine, functools.partial(refused_orders.claim_alarm, order=order, now=installation.now())
        )
        if claimed is None:
            continue
        # Mail, whichever way the order came: there is no ticket of an order that was refused
        problem = alarms.deliver(installation.billing("command", ""), _alarm(installation, claimed))
        if problem is None:
            failures = 0
            transact(installation.engine, functools.partial(refused_orders.told, claimed=claimed))
            continue
        failures += 1
        again = installation.now() + AGAIN_SECONDS
        transact(installation.engine, functools.partial(refused_orders.put_off, claimed=claimed, until=again))
        if problem.code == "operator_missing" or failures == FAILURES:
            return


def _alarm(installation: Installation, order: RefusedOrder) -> Alarm:
    return Alarm(
        job=f"refused-{order.id}",
        domain=_host(order.domain),
        server="-",
        state=REFUSED,
        step=None,
        admin_url=f"{installation.config.public_url.rstrip('/')}/admin/attention",
        code=str(order.error.get("code", "")),
        # Which quotes what somebody ordered
        message=alarms.ELSEWHERE,
        advice=str(order.error.get("advice", "")),
    )


def _host(domain: str) -> str:
    """Return the domain as people read it, "-" for words that are none: somebody ordered them."""
    try:
        return readable(orders.check_domain(domain))
    except ShoplaunchError:
        return "-"
