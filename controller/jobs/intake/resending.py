"""Sends a refused order again on an operator's request, by the same rules as for its sender."""

from __future__ import annotations

from functools import partial

import sqlalchemy as sa

from controller.db import jobs
from controller.db.connection.engine import reading, transact
from controller.db.identities import access, api_keys
from controller.db.identities.access import Note
from controller.db.jobs import Job
from controller.db.orders import refused_orders, services
from controller.db.orders.refused_orders import RefusedOrder
from controller.jobs.intake import billing_events, placing
from controller.jobs.intake.installation import Installation
from controller.jobs.intake.orders import Sender
from shared.errors import ShoplaunchError


def send(installation: Installation, number: int, user: str) -> Job | None:
    """Send the refused order again, as `user` asks; return its job, None while its service waits for another event.

    This takes more than one transaction: the audit log gets an entry before, then the result. Raises ShoplaunchError
    `refused_unknown`, `illegal_transition` for an order that is settled or was not stored, `request_unsigned` when the
    key that signed it is gone, and the error of a new refusal.
    """
    with reading(installation.engine) as connection:
        order = refused_orders.get(connection, number)
        signer_is_known = not order.signed_by or api_keys.secret(connection, order.signed_by) is not None
    if order.settled:
        raise ShoplaunchError("illegal_transition", "the order is settled already")
    if not signer_is_known:
        raise ShoplaunchError("request_unsigned", f"the key {order.signed_by!r}, which signed the order, is gone")
    row = _audit(installation, user, number) if user else None
    try:
        made = (
            _sent_service(installation, order)
            if order.source == billing_events.SOURCE
            else _sent_order(installation, order)
        )
    except ShoplaunchError as error:
        if row is not None:
            _complete(installation, row, None, number, f"{number} {error.code}")
        raise
    if row is not None:
        _complete(installation, row, None if made is None else made.id, number, str(number))
    return None if made is None else installation.due(made)


def _audit(installation: Installation, user: str, number: int) -> int:
    now = installation.now()
    return transact(
        installation.engine, lambda connection: access.add_audit(connection, now, user, "resend", None, str(number))
    )


def _complete(installation: Installation, row: int, job: str | None, number: int, detail: str) -> None:
    transact(installation.engine, lambda connection: access.complete_audit(connection, row, job, detail, str(number)))


def dismiss(engine: sa.Engine, number: int, user: str, now: float) -> None:
    """Dismiss the refused order as `user` asks: it needs no further attention.

    Raises ShoplaunchError `refused_unknown`, `illegal_transition` when it is settled.
    """

    def work(connection: sa.Connection) -> None:
        # Its client may be forgotten at this moment, and is named in the audit log below
        order = refused_orders.get(connection, number, lock=True)
        if order.settled:
            raise ShoplaunchError("illegal_transition", "the order is settled already")
        refused_orders.dismiss(connection, number, now)
        if user:
            Note(user, "dismiss_refused", f"{number} {order.domain}").write(connection, now, None)

    transact(engine, work)


def _sent_service(installation: Installation, order: RefusedOrder) -> Job | None:
    with reading(installation.engine) as connection:
        known = None if order.service_id is None else services.get(connection, order.signed_by, order.service_id)
    if known is not None and known.terminated_at is not None:
        raise ShoplaunchError("illegal_transition", "the service was terminated")
    if known is not None and known.error is not None:
        return billing_events.start(installation.engine, known, installation.now())
    still = partial(_require_open, number=order.id)
    billing_events.take(installation.engine, _document(order), installation.now(), order.signed_by, still)
    with reading(installation.engine) as connection:
        return None if order.service_id is None else jobs.find_service(connection, order.service_id, order.signed_by)


def _sent_order(installation: Installation, order: RefusedOrder) -> Job:
    sender = Sender(order.source, order.signed_by, partial(_require_open, number=order.id))
    return placing.place(installation.engine, _document(order), sender, installation.now())


def _require_open(connection: sa.Connection, number: int) -> None:
    """Raise unless the refused order is still open: its client may have been forgotten since it was read."""
    if refused_orders.get(connection, number, lock=True).settled:
        raise ShoplaunchError("illegal_transition", "the order is settled already")


def _document(order: RefusedOrder) -> dict[str, object]:
    if order.document is None:
        raise ShoplaunchError(
            "illegal_transition", "the order was too large to be kept; its sender has to send it again"
        )
    return dict(order.document)
