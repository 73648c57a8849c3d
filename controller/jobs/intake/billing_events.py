"""Billing events of a service – created, accepted, terminated – in any order and any number of times."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from controller.db import facts, jobs
from controller.db.connection.engine import reading, transact
from controller.db.identities import api_keys
from controller.db.jobs import Job
from controller.db.machines import servers
from controller.db.orders import services
from controller.db.orders.services import BilledService
from controller.jobs.intake import orders, refused_orders, termination
from controller.jobs.intake.orders import Sender, Still
from controller.jobs.intake.server_lookup import server_of_host
from controller.jobs.lifecycle import states
from shared.errors import ShoplaunchError
from shared.schema import validate

if TYPE_CHECKING:
    from shared.documents import BillingEvent, Error, Order

CREATED, ACCEPTED, TERMINATED = "module_created", "accepted", "terminated"
EVENTS = (CREATED, ACCEPTED, TERMINATED)
SOURCE = orders.BILLING
_NEEDED = ("server_host", "bundle", "domain", "email", "account")
_TEXTS: tuple[Literal["first_name", "last_name"], ...] = ("first_name", "last_name")
#: Invisible or direction-changing characters, pasted into names by phones and word processors.
#: The joiners of Persian and of emoji stay.
_INVISIBLE = re.compile("[\x00-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]")
#: The limit of an order's text; a longer name is no reason not to build a shop.
TEXT_CHARS = 128
#: How far billing's clock may be ahead of the controller's.
CLOCK_SECONDS = 86400.0
_COUNTRY = re.compile(r"[A-Z]{2}\Z")


def take(
    engine: sa.Engine, document: Mapping[str, object], now: float, signed_by: str = "", still: Still = orders.always
) -> None:
    """Note the event `document`; start the service's job when it waits for nothing else, end it when it is terminated.

    `signed_by` names the key of its signature; each key has its own services. Raises ShoplaunchError `order_invalid`;
    and, when no job can be made (the event is stored all the same, so that `start` can try again), `domain_invalid`,
    `email_invalid`, `account_invalid`, `folder_*`, `server_unknown`, `server_ambiguous`, `bundle_unknown`,
    `domain_busy`, `key_forbidden`, `service_ending` (retryable). Each refusal is an open row of
    controller.db.orders.refused_orders. `still` is as a Sender's.
    """
    sender = Sender(SOURCE, signed_by, still)
    try:
        event: BillingEvent = validate("billing-event", document, "order_invalid")
    except ShoplaunchError as error:
        refused_orders.refuse(engine, sender, document, error, now)
        raise
    if event["event"] == TERMINATED:
        _require_may_end(engine, event, now, sender)
    service = _noted(engine, event, now, sender)
    if event["event"] == TERMINATED:
        # A late termination ends the account before this one
        since = service.module_created_at if service.terminated_at is None else None
        termination.end(engine, service, now, since)
        if service.terminated_at is not None:
            refused_orders.end_service(engine, service, now)
    elif waiting_for(service) is None and service.terminated_at is None:
        start(engine, service, now)


def _require_may_end(engine: sa.Engine, event: BillingEvent, now: float, sender: Sender) -> None:
    with reading(engine) as connection:
        key = api_keys.find(connection, sender.signed_by)
    try:
        if key is not None:
            key.require("cancel")
    except ShoplaunchError as error:
        refused_orders.refuse(engine, sender, event, error, now)
        raise


def waiting_for(service: BilledService) -> str | None:
    """Return the event that has to come before work begins, None when there is none."""
    if service.wanted is None:
        return CREATED
    return ACCEPTED if service.wanted.get("wait_for_acceptance") and service.accepted_at is None else None


def start(engine: sa.Engine, service: BilledService, now: float) -> Job:
    """Return the service's job, made when there is none yet. Raises as `take` does."""
    with reading(engine) as connection:
        job = jobs.find_service(connection, service.service_id, service.signed_by)
        known = servers.listed(connection)
    if job is not None and not _is_of_an_earlier_life(job):
        # The process was killed after making the job and before noting it
        _made(engine, service, now)
        refused_orders.settle_service(engine, service, job, now)
        return job
    try:
        if job is not None and _is_being_taken_back(engine, job):
            raise ShoplaunchError("service_ending", f"job {job.id} of the same service is still being taken back")
        made = orders.place(engine, _order(service, known), Sender(SOURCE, service.signed_by), now)
    except ShoplaunchError as error:
        if refused_orders.is_refusal(error):
            _note_error(engine, service, error.as_dict(), now)
        raise
    _made(engine, service, now)
    return made


def _made(engine: sa.Engine, service: BilledService, now: float) -> None:
    if service.error is not None:
        _note_error(engine, service, None, now)


def _is_of_an_earlier_life(job: Job) -> bool:
    return job.ended_at is not None or (job.state == states.CANCELLED and facts.of(job).terminated)


def _is_being_taken_back(engine: sa.Engine, job: Job) -> bool:
    with reading(engine) as connection:
        found = [job, *jobs.follow_ups(connection, job.id)]
    return any(one.state == states.CANCELLED and facts.of(one).undo.state != facts.UNDO_DONE for one in found)


def _noted(engine: sa.Engine, event: BillingEvent, now: float, sender: Sender) -> BilledService:
    """Return the service's row after the event."""

    def work(connection: sa.Connection) -> BilledService:
        sender.still(connection)
        known = services.get(connection, sender.signed_by, event["service_id"], lock=True)
        service = known or BilledService(event["service_id"], sender.signed_by)
        service = replace(_with(service, event, now), updated_at=now)
        services.put(connection, service)
        return service

    try:
        return transact(engine, work)
    except IntegrityError:
        # Its first two events arrived together: only now is there a row to lock
        return transact(engine, work)


def _with(service: BilledService, event: BillingEvent, now: float) -> BilledService:
    # A clock far ahead of the controller's must not make later events outdated
    at = min(float(event.get("at") or now), now + CLOCK_SECONDS)
    order_id, client_id = event.get("order_id") or service.order_id, event.get("client_id") or service.client_id
    service = replace(service, order_id=order_id, client_id=client_id)
    if event["event"] == ACCEPTED:
        return replace(service, accepted_at=service.accepted_at or at)
    if event["event"] == TERMINATED:
        late = service.module_created_at is not None and event.get("at") and at < service.module_created_at
        return service if late else replace(service, terminated_at=at)
    if service.terminated_at is not None and at < service.terminated_at:
        # A late event: that creation has ended already
        return service
    # Created again after its end, the service starts anew; its order stays accepted
    return replace(service, module_created_at=at, terminated_at=None, wanted=event, error=None)


def _note_error(engine: sa.Engine, noted: BilledService, error: Error | None, now: float) -> None:
    def work(connection: sa.Connection) -> None:
        service = services.get(connection, noted.signed_by, noted.service_id, lock=True)
        if service is None or (error is not None and service.terminated_at is not None):
            # It has ended meanwhile: nobody waits for its job
            return
        if error is not None and _has_job(connection, service):
            # Another process was faster, and made it
            return
        service = replace(service, error=error, updated_at=now if service.error != error else service.updated_at)
        services.put(connection, service)
        if error is not None:
            refused_orders.note_service(connection, service, SOURCE, now)

    transact(engine, work)


def _has_job(connection: sa.Connection, service: BilledService) -> bool:
    job = jobs.find_service(connection, service.service_id, service.signed_by)
    return job is not None and not _is_of_an_earlier_life(job)


def _order(service: BilledService, known: list[servers.Server]) -> Order:
    """Return the order for a service that billing created."""
    wanted: Mapping[str, object] = service.wanted or {}
    given = {name: str(wanted.get(name) or "").strip() for name in _NEEDED}
    for name, text in given.items():
        if not text:
            code = "domain_invalid" if name == "domain" else "order_invalid"
            raise ShoplaunchError(code, f"the service has no {name.replace('_', ' ')}")
    order: Order = {
        "service_id": service.service_id,
        "server": server_of_host(known, given["server_host"]),
        "bundle": given["bundle"],
        "domain": _INVISIBLE.sub("", given["domain"]),
        "email": given["email"],
        "account": given["account"],
    }
    folder = _INVISIBLE.sub("", str(wanted.get("folder") or "")).strip()
    if folder:
        order["folder"] = folder
    for name in _TEXTS:
        if text := plain_text(str(wanted.get(name) or "")):
            order[name] = text
    country = str(wanted.get("country") or "").upper()
    if _COUNTRY.match(country):
        order["country"] = country
    if language := str(wanted.get("language") or ""):
        order["language"] = language
    if variant := str(wanted.get("variant") or ""):
        order["variant"] = variant
    return order


def plain_text(text: str) -> str:
    """Return a name as people read it: entities resolved (billing stores names as HTML), invisible characters removed,
    cut to TEXT_CHARS."""
    return " ".join(_INVISIBLE.sub(" ", html.unescape(text)).split())[:TEXT_CHARS].rstrip()
