"""Takes an order: checks every field, recognises a repeated order, allows one job at a time per domain and account."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

import idna
import sqlalchemy as sa
from babel.core import get_global
from sqlalchemy.exc import IntegrityError

from controller.bundles.variants.spellings import spellings
from controller.db import bundles, claims, facts, jobs, steps
from controller.db.bundles import Bundle
from controller.db.connection.engine import reading, transact
from controller.db.documents import JobColumns
from controller.db.facts import Facts
from controller.db.identities import api_keys
from controller.db.identities.access import Note
from controller.db.jobs import Job
from controller.db.machines import servers
from controller.db.orders import refused_orders, services
from controller.db.row_holds import Hold
from controller.jobs.lifecycle import late_removals, states
from controller.jobs.lifecycle.plan import PLAN
from controller.jobs.record.folders import check_folder
from controller.recipes.registry import RECIPES
from controller.shop_address import ShopAddress
from controller.telemetry import tracing
from shared.encoding import sha256_hex
from shared.errors import ShoplaunchError
from shared.schema import validate

if TYPE_CHECKING:
    from shared.documents import Order

ACCOUNT = re.compile(r"[a-z][a-z0-9_]{0,30}\Z")
#: Raises where an order is not to be taken any more.
Still = Callable[[sa.Connection], None]
#: Names allowed in `--option`: name -> (whether it may have a value, a description of its values).
OPTIONS: dict[str, tuple[Callable[[str], object], str]] = {
    "occupied": (re.compile(r"refuse|move").fullmatch, "refuse|move"),
    # Read when an order names one: the list takes longer to load than the rest of this module
    "time_zone": (lambda zone: zone in get_global("zone_territories"), "Asia/Tehran"),
    "currency": (re.compile(r"[A-Z]{3}").fullmatch, "EUR"),
}
_EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}\Z")
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\Z")
#: Zero-width joiner and non-joiner (the half-space of Persian).
_JOINERS = {0x200C: None, 0x200D: None}
_TEXTS: tuple[Literal["shop_name", "first_name", "last_name"], ...] = ("shop_name", "first_name", "last_name")
#: Fields stored in columns of the application -> the value a recipe limits.
_LIMITED = {
    "shop_name": "shop.name", "first_name": "admin.first_name", "last_name": "admin.last_name", "email": "admin.email",
}  # fmt: skip
#: The source of orders that operators place themselves.
OPERATORS = "command"
#: The source of orders that are made of billing's events.
BILLING = "whmcs"
#: The language of an order that names none.
DEFAULT_LANGUAGE = "en"


def check_domain(domain: str) -> str:
    """Return the host name `domain` in ASCII and lower case. Raises ShoplaunchError `domain_invalid`."""
    name = domain.strip().rstrip(".")
    try:
        name = name.lower() if name.isascii() else str(idna.encode(name, uts46=True), "ascii")
        if any(label.startswith("xn--") for label in name.split(".")):
            idna.decode(name)
    except idna.IDNAError as problem:
        raise ShoplaunchError("domain_invalid", f"{domain[:80]!r}: {problem}"[:300]) from None
    labels = name.split(".")
    if len(name) > 253 or len(labels) < 2 or labels[-1].isdigit() or not all(map(_LABEL.match, labels)):
        raise ShoplaunchError("domain_invalid", f"not a host name: {domain[:80]!r}")
    return name


def check_email(email: str) -> str:
    """Return the address. Raises ShoplaunchError `email_invalid`."""
    address = email.strip()
    local, _, domain = address.rpartition("@")
    # What mail programs decode would be another address than the one checked
    is_encoded = "=?" in address
    dots = local.startswith(".") or local.endswith(".") or ".." in address
    if len(address) > 254 or not _EMAIL.match(address) or dots or is_encoded:
        raise ShoplaunchError("email_invalid", f"not an e-mail address: {email[:80]!r}")
    labels = domain.lower().split(".")
    if len(labels) < 2 or not all(map(_LABEL.match, labels)):
        raise ShoplaunchError("email_invalid", f"not an e-mail address: {email[:80]!r}")
    return address


def checked(document: Mapping[str, object]) -> Order:
    """Return the order `document` with every field in its canonical form.

    Raises ShoplaunchError `order_invalid`, `domain_invalid`, `email_invalid`, `account_invalid`, `folder_invalid`,
    `folder_reserved`.
    """
    account = document.get("account")
    if isinstance(account, str) and not ACCOUNT.match(account):
        raise ShoplaunchError("account_invalid", f"not an account name: {account[:40]!r}")
    order: Order = validate("order", document, "order_invalid")
    given = {key: value for key, value in order.items() if value not in (None, "", {}) and key != "event"}
    # Still an order: every required field is there
    found = cast("Order", given)
    found["domain"] = check_domain(order["domain"])
    found["email"] = check_email(order["email"])
    folder = check_folder(found.pop("folder", None) or "")
    if folder:
        found["folder"] = folder
    for name in _TEXTS:
        if name in found:
            found[name] = _text(name, found[name])
    for option, value in order.get("options", {}).items():
        if option not in OPTIONS or not OPTIONS[option][0](value):
            known = ", ".join(f"{key}={shown}" for key, (_, shown) in OPTIONS.items())
            raise ShoplaunchError("order_invalid", f"option {option[:40]}={value[:40]} is not one of: {known}")
    if not account:
        if not order.get("create_account"):
            raise ShoplaunchError("order_invalid", "the order names no account and does not ask to create one")
        found["account"] = _account_for(found["domain"])
    return found


def variant_of(bundle: Bundle, wanted: str) -> str:
    """Return the name of the bundle's variant that `wanted` names, or whose title it is, as clients choose it.

    An order for an unknown variant must not silently become another: raises ShoplaunchError `order_invalid`.
    """
    for text in spellings(wanted):
        for variant in bundle.variants:
            if text in (variant["name"].casefold(), variant["title"].casefold()):
                return variant["name"]
    known = ", ".join(f"{one['name']} ({one['title']})" for one in bundle.variants) or "none"
    raise ShoplaunchError("order_invalid", f"bundle {bundle.name} has no variant {wanted[:80]!r}; it has: {known}")


def language_of(bundle: Bundle, wanted: str | None) -> str:
    """Return the shop's language: the order's, which the bundle must have; without one English, or the bundle's own.

    An order in another language must not silently become this one: raises ShoplaunchError `language_missing`.
    """
    if not bundle.languages:
        return wanted or DEFAULT_LANGUAGE
    if wanted is None:
        return DEFAULT_LANGUAGE if DEFAULT_LANGUAGE in bundle.languages else bundle.languages[0]
    if wanted not in bundle.languages:
        message = f"bundle {bundle.name} has no language {wanted!r}; it has: {', '.join(bundle.languages)}"
        raise ShoplaunchError("language_missing", message)
    return wanted


def _require_currency(bundle: Bundle, order: Order) -> None:
    wanted = order.get("options", {}).get("currency")
    if wanted and bundle.currencies and wanted not in bundle.currencies:
        message = f"bundle {bundle.name} has no currency {wanted}; it has: {', '.join(bundle.currencies)}"
        raise ShoplaunchError("currency_missing", message)


def _fit(order: Order, limits: Mapping[str, int]) -> None:
    """Refuse texts longer than the application takes; a shop name made from a long domain is cut."""
    name = ShopAddress.on_usual_port(order["domain"]).readable_host
    longest = limits.get("shop.name", len(name))
    if "shop_name" not in order and len(name) > longest:
        order["shop_name"] = name[:longest]
    for field, value in _LIMITED.items():
        text = str(order.get(field, ""))
        if len(text) > limits.get(value, len(text)):
            raise ShoplaunchError("order_invalid", f"{field} is longer than {limits[value]} characters")


def _text(name: str, value: str) -> str:
    text = " ".join(value.split())
    # Persian is written with joiners, which Python counts as not printable
    if not text.translate(_JOINERS).isprintable():
        raise ShoplaunchError("order_invalid", f"{name} holds characters that cannot be shown")
    return text


def _account_for(domain: str) -> str:
    letters = "".join(c for c in domain.split(".")[0] if c.isalnum())[:12]
    # Domains with the same beginning get different accounts
    return ("s" if not letters or letters[0].isdigit() else "") + letters + str(sha256_hex(domain.encode("ascii"))[:4])


def always(_connection: sa.Connection) -> None:
    """Let an order be taken that comes from outside."""


@dataclass(frozen=True)
class Sender:
    """Where an order comes from, the key that signed it ("": none), and whether it is still to be taken.

    `still` is called within the transaction that takes the order, and raises where what it comes from is gone.
    """

    source: str
    signed_by: str = ""
    still: Still = always


def place(engine: sa.Engine, order: Mapping[str, object], sender: Sender, now: float, note: Note | None = None) -> Job:
    """Return the job of this order: a new one, written with `note`, or the one that the same order of the same key
    made before.

    Raises ShoplaunchError `order_invalid`, `domain_invalid`, `email_invalid`, `account_invalid`, `folder_invalid`,
    `folder_reserved`, `folder_unsupported`, `server_unknown`, `bundle_unknown`, `language_missing`,
    `currency_missing`, `domain_busy`, `key_forbidden`, and as the sender's `still` does.
    """
    began = time.time_ns()
    job = _placed(engine, order, now, sender, note)
    if job.created_at == now:
        tracing.ordered(job.id, job.server, began)
    return job


def _placed(engine: sa.Engine, order: Mapping[str, object], now: float, sender: Sender, note: Note | None) -> Job:
    found = checked(order)
    with reading(engine) as connection:
        _require_allowed(connection, found, sender.source, sender.signed_by)
        servers.get(connection, found["server"])
        bundle = bundles.get(connection, found["bundle"])
    language = _fitted(found, bundle)
    key = claims.order_key(found, sender.signed_by)
    whose: JobColumns = {"source": sender.source, "signed_by": sender.signed_by, "order_key": key}

    def work(connection: sa.Connection) -> Job:
        sender.still(connection)
        known = jobs.find_by_order(connection, key)
        if known is not None:
            _settle_refused(connection, _counting(known), sender, now)
            return known
        made = _insert(connection, found, bundle, language, whose, now)
        _settle_refused(connection, made, sender, now)
        if note is not None:
            note.about(made.domain).write(connection, now, made.id)
        return made

    try:
        return transact(engine, work)
    except IntegrityError:
        # A concurrent order was faster; the rows there now tell which
        with reading(engine) as connection:
            return _existing(connection, found, key)


def _settle_refused(connection: sa.Connection, job: Job, sender: Sender, now: float) -> None:
    """Settle, in the transaction that makes the job, what was refused of the same service or domain: of the key that
    signed, of any where an operator orders."""
    which = refused_orders.of_order(job.domain, job.service_id, sender.signed_by)
    if sender.source == OPERATORS:
        which = refused_orders.of_order(job.domain, job.service_id, None)
    elif sender.source == BILLING:
        which = refused_orders.of_service(sender.signed_by, job.service_id or "")
    own = refused_orders.of_this_order(job.domain, job.service_id, job.signed_by)
    refused_orders.settle(connection, which, refused_orders.JOB, now, job.id, own)


def _fitted(order: Order, bundle: Bundle) -> str:
    """Fit the order to the bundle, in place; return the shop's language. Raises what `place` does for this bundle."""
    if "folder" in order and not bundle.folders:
        raise ShoplaunchError("folder_unsupported", f"bundle {bundle.name} knows the root of a domain only")
    if wanted := order.get("variant"):
        order["variant"] = variant_of(bundle, wanted)
    language = language_of(bundle, order.get("language"))
    _require_currency(bundle, order)
    entry = RECIPES.get(bundle.application)
    _fit(order, {} if entry is None else entry.recipe.limits_of(bundle.version))
    return language


def _require_allowed(connection: sa.Connection, order: Order, source: str, signed_by: str) -> None:
    """Raise ShoplaunchError `key_forbidden` for what the key may not do; an operator may do everything."""
    key = None if source == OPERATORS else api_keys.find(connection, signed_by)
    if key is not None:
        key.require_order(order)


def _insert(
    connection: sa.Connection,
    order: Order,
    bundle: Bundle,
    language: str,
    whose: JobColumns,
    now: float,
) -> Job:
    _hold(connection, order)
    _refuse_ended(connection, order, whose)
    _refuse_living(connection, order, None if whose["source"] == OPERATORS else whose["signed_by"])
    job_id = claims.new_id()
    values: JobColumns = {
        "id": job_id,
        "kind": "restore",
        **whose,
        "service_id": order.get("service_id"),
        "server": order["server"],
        "bundle": order["bundle"],
        "domain": order["domain"],
        "email": order["email"],
        "account": _account(order),
        "folder": order.get("folder") or "",
        "language": language,
        "order": order,
        **claims.keys(order["server"], order["domain"], _account(order)),
        "state": states.RECEIVED,
        "step": next(iter(PLAN)),
        **facts.column(Facts(noun=bundle.noun)),
        "progress": {},
        "lock_name": "shoplaunch_" + secrets.token_hex(8),
        "created_at": now,
        "updated_at": now,
        "wake_at": now,
    }
    jobs.insert(connection, values)
    steps.insert(connection, job_id, PLAN)
    return jobs.get(connection, job_id)


def _account(order: Order) -> str:
    """Return the order's account: every checked order names one."""
    return order.get("account") or ""


def _hold(connection: sa.Connection, order: Order) -> None:
    """Keep server and bundle from being removed until the job is written. Raises `server_unknown`, `bundle_unknown` for
    what was removed since the order was checked."""
    servers.get(connection, order["server"], Hold.SHARED)
    bundles.get(connection, order["bundle"], Hold.SHARED)


def _refuse_ended(connection: sa.Connection, order: Order, whose: JobColumns) -> None:
    """Refuse the order of a service that billing has terminated since its events were read: nobody would end the job.

    One that is terminated from now on waits here, and then finds the job.
    """
    if whose["source"] == BILLING:
        service = services.get(connection, whose["signed_by"], order.get("service_id") or "", lock=True)
        if service is not None and service.terminated_at is not None:
            raise ShoplaunchError("service_ending", f"service {service.service_id} was terminated meanwhile")


def _refuse_living(connection: sa.Connection, order: Order, signed_by: str | None) -> None:
    """Refuse an order for an account with a live shop: preparing it again would revoke the shop's database password.

    Only the key that ordered the shop may give it up (`signed_by`; None: an operator orders, who may).
    """
    living = jobs.living_in(connection, order["server"], _account(order))
    if signed_by is not None and any(owner != signed_by for owner in living.values()):
        # The message says nothing about the shop: it is another customer's
        message = f"a shop that is not of the key {signed_by or 'that signed this'} lives in account {order['account']}"
        raise ShoplaunchError("key_forbidden", message)
    if living and order.get("options", {}).get("occupied") != "move":
        one = next(iter(living))
        message = f"the shop of job {one} lives in account {order['account']}; option occupied=move gives it up"
        raise ShoplaunchError("domain_busy", message)


def _existing(connection: sa.Connection, order: Order, key: str) -> Job:
    known = jobs.find_by_order(connection, key)
    if known is not None:
        return _counting(known)
    claimed = claims.keys(order["server"], order["domain"], _account(order))
    for one in jobs.cancelled_claims(connection, **claimed):
        _refuse_held(one)
    raise ShoplaunchError("domain_busy", f"another job for {order['domain']} or {order['account']} is under way")


def _counting(known: Job) -> Job:
    """Return the job that the same order made. Raises ShoplaunchError `service_ending` when it is being rolled back."""
    if known.state == states.CANCELLED:
        _refuse_held(known)
        raise ShoplaunchError("service_ending", f"job {known.id} of this order was cancelled and is being taken back")
    return known


def _refuse_held(job: Job) -> None:
    """Refuse for now what would be made where a removal of the cancelled `job` may still be carried out. Raises
    ShoplaunchError `service_ending`: who ordered tries again."""
    until = late_removals.holding(job)
    if until is not None:
        message = f"job {job.id} was cancelled and keeps account {job.account}: {late_removals.words(until)}"
        raise ShoplaunchError("service_ending", message)
