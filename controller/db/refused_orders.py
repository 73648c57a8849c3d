"""Queries on orders that were signed and refused: open until a job is made of them or somebody has seen to them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from controller.db.connection.clock import AHEAD_SECONDS
from controller.db.tables import refused_orders as table
from shared.errors import ShoplaunchError

#: Settled ones are forgotten after so long.
KEPT_SECONDS = 90 * 86_400.0
#: So many of one key are open at once; what comes then is counted in the newest of them.
OPEN_ROWS = 1000
#: A refusal that may mend itself is told of when it has lasted so long.
GRACE_SECONDS = 300.0
#: Who tells of an order has so long before somebody else does: longer than any mail takes.
CLAIM_SECONDS = 900.0
JOB, DISMISSED, TERMINATED = "job", "dismissed", "terminated"


@dataclass(frozen=True)
class RefusedOrder:
    """A refused order as its row says; times are unix seconds, `settled` is "" while it is open."""

    id: int
    order_key: str
    source: str
    signed_by: str
    service_id: str | None
    domain: str
    bundle: str
    document: Mapping[str, Any] | None
    error: Mapping[str, Any]
    tries: int
    first_at: float
    last_at: float
    alarm: str
    settled: str
    settled_at: float | None
    job: str | None


def _order(row: sa.Row[Any]) -> RefusedOrder:
    values = dict(row._mapping)
    document = values["document"]
    return RefusedOrder(
        **{**values, "document": None if document is None else json.loads(document), "error": json.loads(row.error)}
    )


def note(connection: sa.Connection, order_key: str, now: float, **values: Any) -> None:
    """The order was refused again, or for the first time; one that was settled is open again.

    Raises sqlalchemy IntegrityError when somebody added it meanwhile.
    """
    alarm = _at(now + GRACE_SECONDS) if values["error"].get("retryable") else "wanted"
    for name in ("document", "error"):
        values[name] = None if values[name] is None else json.dumps(values[name], sort_keys=True)
    known = connection.execute(
        sa.select(table.c.settled, table.c.error).where(table.c.order_key == order_key).with_for_update()
    ).first()
    if known is None:
        connection.execute(sa.delete(table).where(table.c.settled_at < now - KEPT_SECONDS))
        if _counted_elsewhere(connection, values["source"], values.get("signed_by", ""), now):
            return
        new = {"order_key": order_key, "first_at": now, "last_at": now, "alarm": alarm}
        connection.execute(sa.insert(table).values(**new, **values))
        return
    values |= {"tries": table.c.tries + 1, "last_at": now, "settled": "", "settled_at": None, "job": None}
    if known.settled:
        values |= {"tries": 1, "first_at": now}
    if known.settled or known.error != values["error"]:
        values["alarm"] = alarm
    connection.execute(sa.update(table).where(table.c.order_key == order_key).values(**values))


def _counted_elsewhere(connection: sa.Connection, source: str, signed_by: str, now: float) -> bool:
    """Tell whether the key has so many open rows that one more refusal was counted in the newest of them."""
    theirs = (table.c.source == source, table.c.signed_by == signed_by, table.c.settled == "")
    newest = sa.select(table.c.id).where(*theirs).order_by(table.c.id.desc()).limit(OPEN_ROWS)
    ids = list(connection.execute(newest).scalars())
    if len(ids) < OPEN_ROWS:
        return False
    counted = {"tries": table.c.tries + 1, "last_at": now}
    connection.execute(sa.update(table).where(table.c.id == ids[0]).values(**counted))
    return True


def of_service(signed_by: str, service_id: str) -> sa.ColumnElement[bool]:
    """Return which are the service's of the billing system whose key is `signed_by`."""
    return sa.and_(table.c.service_id == service_id, table.c.signed_by == signed_by)


def of_order(domain: str, service_id: str | None, signed_by: str | None) -> sa.ColumnElement[bool]:
    """Return which are of this domain or service, among those of the key `signed_by` where it is given."""
    which = table.c.domain == domain
    if service_id is not None:
        which = sa.or_(which, table.c.service_id == service_id)
    return which if signed_by is None else sa.and_(which, table.c.signed_by.in_((signed_by, "")))


def is_open(connection: sa.Connection, which: sa.ColumnElement[bool]) -> bool:
    """Tell whether one of `which` is open."""
    return connection.execute(sa.select(table.c.id).where(which, table.c.settled == "").limit(1)).first() is not None


def settle(connection: sa.Connection, which: sa.ColumnElement[bool], how: str, now: float, job: str | None) -> None:
    """The open ones of `which` are over; what they said is forgotten."""
    values = {"settled": how, "settled_at": now, "job": job, "document": None, "alarm": ""}
    connection.execute(sa.update(table).where(which, table.c.settled == "").values(**values))


def dismiss(connection: sa.Connection, number: int, now: float) -> None:
    """Somebody has seen to the order."""
    settle(connection, table.c.id == number, DISMISSED, now, None)


def get(connection: sa.Connection, number: int) -> RefusedOrder:
    """Return the order. Raises ShoplaunchError `refused_unknown`."""
    row = connection.execute(sa.select(table).where(table.c.id == number)).first()
    if row is None:
        raise ShoplaunchError("refused_unknown", f"there is no refused order {number}")
    return _order(row)


def listed(connection: sa.Connection, limit: int, *, settled: bool = False) -> list[RefusedOrder]:
    """Return the open ones, the last refused first; with `settled` those that are over, too."""
    query = sa.select(table).order_by(table.c.last_at.desc(), table.c.id.desc()).limit(limit)
    return [_order(row) for row in connection.execute(query if settled else query.where(table.c.settled == ""))]


def wanting_alarm(connection: sa.Connection, now: float, limit: int) -> list[RefusedOrder]:
    """Return open ones to tell the operator of now: those never tried first, then those tried longest ago."""
    # Nobody puts an alarm off for longer: a clock was ahead
    ahead = table.c.alarm.between(_at(now + CLAIM_SECONDS + AHEAD_SECONDS), "9" * 10)
    due = sa.or_(table.c.alarm == "wanted", table.c.alarm.between("0", _at(now)), ahead)
    tried = sa.case((table.c.alarm == "wanted", ""), else_=table.c.alarm)
    query = sa.select(table).where(due).order_by(tried, table.c.id).limit(limit)
    return [_order(row) for row in connection.execute(query)]


def claim_alarm(connection: sa.Connection, order: RefusedOrder, now: float) -> RefusedOrder | None:
    """Return the order for the caller alone to tell of, None when it has changed or somebody else tells of it."""
    claimed = replace(order, alarm=_at(now + CLAIM_SECONDS))
    same = table.c.last_at == order.last_at
    return claimed if _set_alarm(connection, order, claimed.alarm, same) else None


def told(connection: sa.Connection, claimed: RefusedOrder) -> None:
    """The operator was told of the order as it was then."""
    _set_alarm(connection, claimed, "told")


def put_off(connection: sa.Connection, claimed: RefusedOrder, until: float) -> None:
    """The operator could not be told; it is tried again then."""
    _set_alarm(connection, claimed, _at(until))


def _set_alarm(connection: sa.Connection, order: RefusedOrder, alarm: str, *more: sa.ColumnElement[bool]) -> bool:
    """Tell whether the row was still as `order` says, and is `alarm` now."""
    query = sa.update(table).where(table.c.id == order.id, table.c.alarm == order.alarm, *more)
    return connection.execute(query.values(alarm=alarm)).rowcount == 1


def _at(moment: float) -> str:
    """Return the unix second as column `alarm` holds it; such texts are in the order of their times."""
    return f"{round(moment):010d}"
