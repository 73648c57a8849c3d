"""Chores, work that belongs to no job: alarms of refused orders, servers and failing duties, forgotten services,
bundles to close, what is over to remove."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable

import sqlalchemy as sa

from controller.billing.base import FAILING, MANY_REFUSED, REFUSED, Alarm
from controller.db.connection.engine import reading, transact
from controller.db.machines import breakers
from controller.db.machines.breakers import Breaker
from controller.db.orders import refused_orders, services
from controller.db.orders.refused_orders import RefusedOrder
from controller.jobs.engine.monitoring import alarms, health
from controller.jobs.engine.operations import set_back
from controller.jobs.intake import billing_events, duties, roll_outs
from controller.jobs.intake.installation import Installation
from controller.jobs.intake.refused_orders import shown_domain
from controller.jobs.lifecycle import bundle_readers
from controller.jobs.lifecycle.emergency_log import report
from controller.jobs.lifecycle.panel_access import server_outage
from controller.jobs.retention import spools, sweep
from controller.telemetry.job_at_hand import working_on
from shared.encoding import sha256_hex
from shared.errors import ShoplaunchError, advice

LOG = logging.getLogger(__name__)
#: So many refused orders are reported one by one, more in one mail that lists them: most have the same cause.
ALARMS = 5
#: Refused orders that one mail lists at most.
LISTED = 500
#: This many consecutive failures are the mail server's, not the orders'.
FAILURES = 2
#: Pause before an alarm that failed is tried again.
AGAIN_SECONDS = 60.0


def _nobody() -> None:
    """Report progress to nobody."""


def run(installation: Installation, move: Callable[[], None] = _nobody) -> None:
    """Do all chores once, independently of each other; what fails is tried in the next round.

    `move` is called at each progress: nothing between two calls takes longer than one mail.
    """
    outcomes: dict[str, BaseException | None] = {}
    # By the names that the operator reads
    named: dict[str, Callable[[Installation, Callable[[], None]], None]] = {
        "forgotten orders": start_forgotten,
        "alarms of orders": alarm_refused_orders,
        "alarms of servers": alarm_failing_servers,
        "roll-outs": roll_outs.judge,
        "closing of bundles": close_bundles,
        "jobs of a clock ahead": bring_back,
        duties.SWEEP: remove_over,
        "alarms of duties": duties.alarm,
    }
    for name, chore in named.items():
        move()
        outcomes[name] = None
        try:
            chore(installation, move)
        except BaseException as problem:  # noqa: BLE001 - the other chores go on
            report(f"{chore.__name__} could not be done", problem)
            outcomes[name] = problem
    move()
    try:
        duties.note_chores(installation, outcomes)
    except BaseException as problem:  # noqa: BLE001 - a database that is away is no chore's failure
        report("what became of the chores could not be noted", problem)


def start_forgotten(installation: Installation, move: Callable[[], None] = _nobody) -> None:
    """Make the jobs of services whose order was accepted by a process that was killed before it made the job."""
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
        with working_on(job.id, job.server, job.attempt):
            LOG.warning("service %s was forgotten; job %s is made", service_id, job.id)
            installation.due(job)


def close_bundles(installation: Installation, _move: Callable[[], None] = _nobody) -> None:
    """Close bundles to accounts whose jobs are over, where a process was killed before it did."""
    if installation.config.bundles.is_dir():
        bundle_readers.renew(installation.engine, installation.config.bundles, installation.now())


def bring_back(installation: Installation, _move: Callable[[], None] = _nobody) -> None:
    """Reschedule jobs that were written while the database's clock was ahead."""
    set_back.bring_back(installation.engine, installation.now(), installation.config.job_hours)


def remove_over(installation: Installation, move: Callable[[], None] = _nobody) -> None:
    """Remove some of what is over, when the last sweep was long ago; the next round goes on with it."""
    means = installation.sweep
    if sweep.is_due(means):
        sweep.run(means, sweep.ROUND_SECONDS, move)


def alarm_refused_orders(installation: Installation, move: Callable[[], None] = _nobody) -> None:
    """Notify the operator of refused orders; what fails is tried later."""
    with reading(installation.engine) as connection:
        found = refused_orders.wanting_alarm(connection, installation.now(), LISTED)
    alone, together = _grouped(found)
    for group in together:
        move()
        if not _alarm_together(installation, group):
            return
    failures = 0
    for order in alone:
        move()
        claimed = transact(
            installation.engine, functools.partial(refused_orders.claim_alarm, order=order, now=installation.now())
        )
        if claimed is None:
            continue
        # Mail, however the order came: a refused order has no ticket
        problem = alarms.deliver(installation.billing("command", ""), _alarm(installation, claimed))
        if problem is None:
            failures = 0
            _noted(installation, claimed)
            continue
        failures += 1
        again = installation.now() + AGAIN_SECONDS
        transact(installation.engine, functools.partial(refused_orders.put_off, claimed=claimed, until=again))
        if problem.code == "operator_missing" or failures == FAILURES:
            return


def _grouped(found: list[RefusedOrder]) -> tuple[list[RefusedOrder], list[list[RefusedOrder]]]:
    """Return (those reported one by one, lists that are one mail each). What was claimed or put off together stays so:
    its mail may have arrived, and is repeated as the same one."""
    at: dict[str, list[RefusedOrder]] = {}
    for order in found:
        at.setdefault(order.alarm, []).append(order)
    again = [group for alarm, group in at.items() if alarm != "wanted" and len(group) > ALARMS]
    rest = [order for order in found if at[order.alarm] not in again]
    return ([], [*again, rest]) if len(rest) > ALARMS else (rest, again)


def _alarm_together(installation: Installation, group: list[RefusedOrder]) -> bool:
    """Notify the operator of all these orders at once; return whether that was possible."""

    def claim(connection: sa.Connection) -> list[RefusedOrder]:
        now = installation.now()
        return [one for order in group if (one := refused_orders.claim_alarm(connection, order, now)) is not None]

    claimed = transact(installation.engine, claim)
    if not claimed:
        return True
    problem = alarms.deliver(installation.billing("command", ""), _alarm_of_many(installation, claimed))

    def note(connection: sa.Connection) -> None:
        again = installation.now() + AGAIN_SECONDS
        for order in claimed:
            if problem is None:
                refused_orders.alarm_delivered(connection, order)
            else:
                refused_orders.put_off(connection, order, again)

    transact(installation.engine, note)
    return problem is None


def _noted(installation: Installation, claimed: RefusedOrder) -> None:
    """Note that the operator was notified; a mail in a folder goes where its client was forgotten meanwhile."""
    if not transact(installation.engine, functools.partial(refused_orders.alarm_delivered, claimed=claimed)):
        spools.remove(spools.mails(installation.config, refused_orders.MAILED.format(claimed.id)))


def alarm_failing_servers(installation: Installation, move: Callable[[], None] = _nobody) -> None:
    """Notify the operator of servers whose breaker has been open for long, once each, however many jobs wait."""
    with reading(installation.engine) as connection:
        found = breakers.opened(connection).values()
    for breaker in found:
        now = installation.now()
        if not breaker.wants_alarm(now) or now - breaker.since < breakers.OUTAGE_SECONDS:
            continue
        move()
        if not transact(installation.engine, functools.partial(breakers.claim_alarm, breaker=breaker, now=now)):
            continue
        problem = alarms.deliver(installation.billing("command", ""), _alarm_of_server(installation, breaker))
        done_at = installation.now() if problem is None else None
        transact(installation.engine, functools.partial(breakers.alarmed, server=breaker.server, now=done_at))
        if problem is not None:
            return


def _alarm_of_server(installation: Installation, breaker: Breaker) -> Alarm:
    return Alarm(
        job=f"server-{breaker.server}",
        domain=breaker.server,
        server=breaker.server,
        state=FAILING,
        step=None,
        admin_url=f"{installation.config.public_url.rstrip('/')}/admin/servers",
        code=server_outage.CODE,
        message=breaker.reason,
        advice=advice(server_outage.CODE),
        language=installation.config.mail.operator_language,
        number=str(round(breaker.since)),
    )


def _alarm_of_many(installation: Installation, claimed: list[RefusedOrder]) -> Alarm:
    """Return the alarm that lists the orders by their numbers: of a client who is forgotten, no mail has to go."""
    reasons: dict[str, list[int]] = {}
    for order in sorted(claimed, key=lambda one: one.id):
        reasons.setdefault(str(order.error.get("code", "")), []).append(order.id)
    which = sorted(_number(order) for order in claimed)
    return Alarm(
        job=refused_orders.MAILED.format("orders"),
        domain=str(len(claimed)),
        server="-",
        state=MANY_REFUSED,
        step=None,
        admin_url=f"{installation.config.public_url.rstrip('/')}/admin/attention",
        code=next(iter(reasons)),
        message="",
        advice="",
        language=installation.config.mail.operator_language,
        number=str(sha256_hex(" ".join(which).encode("ascii")))[:32],
        reasons=tuple((code, tuple(numbers)) for code, numbers in reasons.items()),
    )


def _number(order: RefusedOrder) -> str:
    return f"{order.id}.{round(order.first_at)}.{order.reason}"


def _alarm(installation: Installation, order: RefusedOrder) -> Alarm:
    return Alarm(
        job=refused_orders.MAILED.format(order.id),
        # A mail repeats no text of others
        domain=shown_domain(order.domain, otherwise="-"),
        server="-",
        state=REFUSED,
        step=None,
        admin_url=f"{installation.config.public_url.rstrip('/')}/admin/attention",
        code=str(order.error.get("code", "")),
        # The error quotes the order's text
        message=alarms.ELSEWHERE,
        advice=str(order.error.get("advice", "")),
        language=installation.config.mail.operator_language,
        # Refused for another reason, it is another alarm; so it is for one that was there before
        number=f"{round(order.first_at)}.{order.reason}",
    )
