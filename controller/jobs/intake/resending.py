"""Sending a refused order again, as an operator asks: by the rules that an order of its sender has to keep."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from controller.db import jobs, refused_orders, services
from controller.db.connection.engine import reading, transact
from controller.db.identities import api_keys
from controller.db.identities.access import Note
from controller.db.jobs import Job
from controller.db.refused_orders import RefusedOrder
from controller.jobs.intake import billing_events
from shared.errors import ShoplaunchError

if TYPE_CHECKING:
    from controller.jobs.intake.service import Service


def send(service: Service, number: int, user: str) -> Job | None:
    """Send the refused order again, as `user` asks; return its job, None while its service waits for another event.

    It is more than one transaction, so it is in the audit log before, and then what came of it. Raises ShoplaunchError
    `refused_unknown`, `illegal_transition` for one that is settled or was not kept, `request_unsigned` when the key it
    was signed with is gone, and whatever it is refused with again.
    """
    with reading(service.engine) as connection:
        order = refused_orders.get(connection, number)
        signer_is_known = not order.signed_by or api_keys.secret(connection, order.signed_by) is not None
    if order.settled:
        raise ShoplaunchError("illegal_transition", "the order is settled already")
    if not signer_is_known:
        raise ShoplaunchError("request_unsigned", f"the key {order.signed_by!r}, which signed the order, is gone")
    row = service.audit(user, "resend", None, str(number)) if user else None
    try:
        made = _sent_service(service, order) if order.source == billing_events.SOURCE else _sent_order(service, order)
    except ShoplaunchError as error:
        if row is not None:
            service.complete_audit(row, None, f"{number} {error.code}")
        raise
    if row is not None:
        service.complete_audit(row, None if made is None else made.id, str(number))
    service.wakeup.notify()
    return made


def dismiss(engine: sa.Engine, number: int, user: str, now: float) -> None:
    """The refused order needs nobody any more, as `user` says.

    Raises ShoplaunchError `refused_unknown`, `illegal_transition` when it is settled.
    """

    def work(connection: sa.Connection) -> None:
        order = refused_orders.get(connection, number)
        if order.settled:
            raise ShoplaunchError("illegal_transition", "the order is settled already")
        refused_orders.dismiss(connection, number, now)
        if user:
            Note(user, "dismiss_refused", f"{number} {order.domain}").write(connection, now, None)

    transact(engine, work)


def _sent_service(service: Service, order: RefusedOrder) -> Job | None:
    with reading(service.engine) as connection:
        known = None if order.service_id is None else services.get(connection, order.signed_by, order.service_id)
    if known is not None and known.terminated_at is not None:
        raise ShoplaunchError("illegal_transition", "the service was terminated")
    if known is not None and known.error is not None:
        return billing_events.start(service.engine, known, service.now())
    billing_events.take(service.engine, _document(order), service.now(), order.signed_by)
    with reading(service.engine) as connection:
        return None if order.service_id is None else jobs.find_service(connection, order.service_id, order.signed_by)


def _sent_order(service: Service, order: RefusedOrder) -> Job:
    return service.place_order(_document(order), order.source, order.signed_by)


def _document(order: RefusedOrder) -> dict[str, object]:
    if order.document is None:
        raise ShoplaunchError(
            "illegal_transition", "the order was too large to be kept; its sender has to send it again"
        )
    return dict(order.document)
