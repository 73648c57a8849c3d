"""Signed orders that were refused: stored with the reason until a job is made of them or an operator dismisses them."""

from __future__ import annotations

import re
from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from controller.db import jobs
from controller.db.connection.engine import transact
from controller.db.jobs import Job
from controller.db.orders import refused_orders
from controller.db.orders.services import BilledService
from controller.jobs.intake import orders
from controller.jobs.intake.orders import Sender
from controller.jobs.record import sanitize
from controller.shop_address import ShopAddress
from shared.encoding import canonical_json, is_text, sha256_hex
from shared.errors import ShoplaunchError

#: The source of orders that are not billing events.
API = "api"
#: A longer document is no order; only its refusal is stored.
MAX_DOCUMENT_BYTES = 16 * 1024
_SERVICE = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")
#: Failures of the controller: they do not answer the order, and its sender tries again.
_OWN_CODES = (
    "config_invalid",
    "database_busy",
    "database_damaged",
    "database_full",
    "database_newer",
    "database_unwritable",
    "internal",
    "not_initialised",
)


def is_refusal(error: ShoplaunchError) -> bool:
    """Return whether `error` answers the order, and is no temporary failure of the controller."""
    return error.code not in _OWN_CODES


def refuse(
    engine: sa.Engine, sender: Sender, document: Mapping[str, object], error: ShoplaunchError, now: float
) -> None:
    """Store that the order (or event) `document`, which came at `now`, was refused.

    Nothing is stored of an order whose job another request has made since: this refusal comes late.

    Raises ShoplaunchError `database_busy`, and as the sender's `still` does.
    """
    source, signed_by = sender.source, sender.signed_by
    if not is_text(document):
        document = {}
    service_id = document.get("service_id")
    service_id = service_id if isinstance(service_id, str) and _SERVICE.match(service_id) else None
    values = {"source": source, "signed_by": signed_by, "service_id": service_id, "error": error.as_dict()}
    key, shown = _key(source, signed_by, service_id, document), _shown(document)
    domain_key = sha256_hex(str(shown["domain"]).encode())

    def work(connection: sa.Connection) -> None:
        sender.still(connection)
        if service_id is None or not jobs.is_begun(connection, domain_key, signed_by, service_id, now):
            refused_orders.note(connection, key, now, **values, **shown)

    try:
        transact(engine, work)
    except IntegrityError:
        # Two refusals arrived together: only now is there a row to count in
        transact(engine, work)


def note_service(connection: sa.Connection, service: BilledService, source: str, now: float) -> None:
    """Store that no job could be made of billing's events for the service; its row says why."""
    key = _key(source, service.signed_by, service.service_id, {})
    whose = {"source": source, "signed_by": service.signed_by, "service_id": service.service_id}
    values: dict[str, object] = {**whose, "error": service.error or {}}
    refused_orders.note(connection, key, now, **values, **_shown(service.wanted or {}))


def settle_service(engine: sa.Engine, service: BilledService, job: Job, now: float) -> None:
    """Settle the refusals of billing's service: it has a job, which was made before the two were one transaction."""
    which = refused_orders.of_service(service.signed_by, service.service_id)
    transact(
        engine, lambda connection: refused_orders.settle(connection, which, refused_orders.JOB, now, job.id, which)
    )


def end_service(engine: sa.Engine, service: BilledService, now: float) -> None:
    """Settle the refusals of billing's service: it was terminated."""
    which = refused_orders.of_service(service.signed_by, service.service_id)
    transact(engine, lambda connection: refused_orders.settle(connection, which, refused_orders.TERMINATED, now, None))


def shown_domain(domain: str, otherwise: str | None = None) -> str:
    """Return the domain of a refused order in its own script; `otherwise`, or the text as given, when it is none."""
    try:
        return ShopAddress.on_usual_port(orders.check_domain(domain)).readable_host
    except ShoplaunchError:
        return domain if otherwise is None else otherwise


def _key(source: str, signed_by: str, service_id: str | None, document: Mapping[str, object]) -> str:
    """Return what identifies a repeated order: its service where it has one, else all of it."""
    if service_id is not None:
        # As the migrations 0011 and 0012 name billing's
        kind = "order" if source == API else "service"
        request = f"{kind} {signed_by} {service_id}" if signed_by or source == API else f"{kind} {service_id}"
        return str(sha256_hex(request.encode("utf-8")))
    return str(sha256_hex(canonical_json({"by": signed_by, "order": dict(document)})))


def _shown(document: Mapping[str, object]) -> dict[str, object]:
    """Return the columns that show the order, and the order itself if it can be sent again."""
    kept = len(canonical_json(dict(document))) <= MAX_DOCUMENT_BYTES
    texts = {"domain": _domain(document.get("domain")), "bundle": _text(document.get("bundle"), 63)}
    return {**texts, "document": dict(document) if kept and document else None}


def _domain(value: object) -> str:
    """Return the domain as jobs name it, or the given value when it is none."""
    try:
        return orders.check_domain(value) if isinstance(value, str) else ""
    except ShoplaunchError:
        return _text(value, 253)


def _text(value: object, length: int) -> str:
    return sanitize.one_line(str(sanitize.sanitized(value, "order_invalid")))[:length] if isinstance(value, str) else ""
