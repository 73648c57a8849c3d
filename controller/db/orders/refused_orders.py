"""Queries on signed orders that were refused: open until a job is made of them or an operator dismisses them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from controller.db.connection.clock import AHEAD_SECONDS
from controller.db.tables import refused_orders as table
from shared.errors import ShoplaunchError

if TYPE_CHECKING:
    from shared.documents import Error

#: Settled ones are deleted after this time.
KEPT_SECONDS = 90 * 86_400.0
#: Open rows of one key at most; further refusals are counted in the newest of them.
OPEN_ROWS = 1000
#: A refusal that may resolve itself raises an alarm after this time.
GRACE_SECONDS = 300.0
#: Between two alarms of one order that is refused for a third reason, or more: its sender, or a server that fails now
#: like this and now like that, may have it refused for another one each time.
APART_SECONDS = 3600.0
#: How long a process may take to deliver a claimed alarm: longer than any mail takes.
CLAIM_SECONDS = 900.0
#: What its alarm is about, as its mail is named; {} is its number.
MAILED = "refused-{}"
#: Stands in the stored error: the how many-th reason it is for which this order is refused.
_NTH = "nth"
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
    error: Error
    #: The how many-th reason `error` is: each is an alarm of its own, also one that was there before.
    reason: int
    tries: int
    first_at: float
    last_at: float
    alarm: str
    settled: str
    settled_at: float | None
    job: str | None


def _order(row: sa.Row[object]) -> RefusedOrder:
    values = dict(row._mapping)
    document, (error, reason) = values["document"], _reason(row.error)
    known = {"document": None if document is None else json.loads(document), "error": error, "reason": reason}
    return RefusedOrder(**{**values, **known})


def _reason(stored: str) -> tuple[object, int]:
    """Return (the error, its number among the order's reasons) as column `error` stores them."""
    error = json.loads(stored)
    # Rows of earlier versions have no number
    return error, error.pop(_NTH, 1)


def _stored(error: Error, reason: int) -> str:
    return json.dumps({**error, _NTH: reason}, sort_keys=True)


def note(connection: sa.Connection, order_key: str, now: float, **values: Any) -> None:
    """Note that the order was refused, again or for the first time; a settled one is open again.

    Raises sqlalchemy IntegrityError when another process added it meanwhile.
    """
    error, document = values.pop("error"), values["document"]
    alarm = _at(now + GRACE_SECONDS) if error.get("retryable") else "wanted"
    values["document"] = None if document is None else json.dumps(document, sort_keys=True)
    known = connection.execute(
        sa.select(table.c.settled, table.c.error, table.c.alarm).where(table.c.order_key == order_key).with_for_update()
    ).first()
    if known is None:
        connection.execute(sa.delete(table).where(table.c.settled_at < now - KEPT_SECONDS))
        if _counted_elsewhere(connection, values["source"], values.get("signed_by", ""), now):
            return
        new = {"order_key": order_key, "first_at": now, "last_at": now, "alarm": alarm}
        connection.execute(sa.insert(table).values(**new, **values, error=_stored(error, 1)))
        return
    before, reason = _reason(known.error)
    values |= {"tries": table.c.tries + 1, "last_at": now, "settled": "", "settled_at": None, "job": None}
    if known.settled:
        values |= {"tries": 1, "first_at": now}
    if known.settled or before != error:
        if not known.settled:
            alarm = _alarm_of_another(known.alarm, alarm, reason, now)
        values |= {"alarm": alarm, "error": _stored(error, reason + 1)}
    connection.execute(sa.update(table).where(table.c.order_key == order_key).values(**values))


def _alarm_of_another(before: str, alarm: str, reason: int, now: float) -> str:
    """Return column `alarm` of an open order that is refused for another reason than its `reason`-th: the alarm that
    waits comes when it would have, or each reason would put it off; a third reason's and each after that is apart."""
    if before == "wanted":
        return before
    if reason > 1:
        alarm = _at(now + APART_SECONDS)
    if not before.isdigit():
        return alarm
    # Another second: a process that delivers the former alarm must not note this one as delivered
    return min(_at(int(before) - 1), _at(now) if alarm == "wanted" else alarm)


def _counted_elsewhere(connection: sa.Connection, source: str, signed_by: str, now: float) -> bool:
    """Count one more refusal in the newest open row if the key has OPEN_ROWS of them; return whether it was."""
    theirs = (table.c.source == source, table.c.signed_by == signed_by, table.c.settled == "")
    newest = sa.select(table.c.id).where(*theirs).order_by(table.c.id.desc()).limit(OPEN_ROWS)
    ids = list(connection.execute(newest).scalars())
    if len(ids) < OPEN_ROWS:
        return False
    counted = {"tries": table.c.tries + 1, "last_at": now}
    connection.execute(sa.update(table).where(table.c.id == ids[0]).values(**counted))
    return True


def of_service(signed_by: str, service_id: str) -> sa.ColumnElement[bool]:
    """Return the condition for refusals of the service, of the billing system whose key is `signed_by`."""
    return sa.and_(table.c.service_id == service_id, table.c.signed_by == signed_by)


def of_order(domain: str, service_id: str | None, signed_by: str | None) -> sa.ColumnElement[bool]:
    """Return the condition for refusals of this domain or service; only those of the key `signed_by` if it is given."""
    which = table.c.domain == domain
    if service_id is not None:
        which = sa.or_(which, table.c.service_id == service_id)
    return which if signed_by is None else sa.and_(which, table.c.signed_by.in_((signed_by, "")))


def of_this_order(domain: str, service_id: str | None, signed_by: str) -> sa.ColumnElement[bool]:
    """Return the condition for refusals of this very order: of its service, or of its domain where neither has one."""
    if service_id is not None:
        return of_service(signed_by, service_id)
    return sa.and_(table.c.service_id.is_(None), table.c.domain == domain, table.c.signed_by.in_((signed_by, "")))


def is_open(connection: sa.Connection, which: sa.ColumnElement[bool]) -> bool:
    """Return whether one that meets `which` is open."""
    return connection.execute(sa.select(table.c.id).where(which, table.c.settled == "").limit(1)).first() is not None


def numbers(connection: sa.Connection, which: sa.ColumnElement[bool]) -> list[int]:
    """Return the numbers of those that meet `which`."""
    return list(connection.execute(sa.select(table.c.id).where(which)).scalars())


def lock(connection: sa.Connection, which: sa.ColumnElement[bool]) -> None:
    """Wait until nobody else is at work on those that meet `which`; nobody is until this transaction ends."""
    connection.execute(sa.select(table.c.id).where(which).with_for_update()).all()


def drop(connection: sa.Connection, which: sa.ColumnElement[bool]) -> set[str]:
    """Delete those that meet `which`, once nobody else is at work on them; return the domains that they named."""
    found = connection.execute(sa.select(table.c.id, table.c.domain).where(which).with_for_update()).all()
    connection.execute(sa.delete(table).where(table.c.id.in_([row.id for row in found])))
    return {row.domain for row in found} - {""}


def settle(
    connection: sa.Connection,
    which: sa.ColumnElement[bool],
    how: str,
    now: float,
    job: str | None,
    dismissed: sa.ColumnElement[bool] | None = None,
) -> None:
    """Settle the open ones that meet `which`, and forget their content; and of those that were dismissed meanwhile the
    ones that meet `dismissed`, where it is given: a job decides."""
    before = ("",) if dismissed is None else ("", DISMISSED)
    wanted = sa.and_(which, table.c.settled == "")
    if dismissed is not None:
        wanted = sa.or_(wanted, sa.and_(dismissed, table.c.settled == DISMISSED))
    # Read first: a statement that writes waits for others
    found = numbers(connection, wanted)
    if found:
        values = {"settled": how, "settled_at": now, "job": job, "document": None, "alarm": ""}
        those = (table.c.id.in_(found), table.c.settled.in_(before))
        connection.execute(sa.update(table).where(*those).values(**values))


def dismiss(connection: sa.Connection, number: int, now: float) -> None:
    """Settle the refusal as dismissed by an operator."""
    settle(connection, table.c.id == number, DISMISSED, now, None)


def get(connection: sa.Connection, number: int, *, lock: bool = False) -> RefusedOrder:
    """Return the refused order; `lock`: nobody else changes or deletes it within this transaction.

    Raises ShoplaunchError `refused_unknown`.
    """
    query = sa.select(table).where(table.c.id == number)
    row = connection.execute(query.with_for_update() if lock else query).first()
    if row is None:
        raise ShoplaunchError("refused_unknown", f"there is no refused order {number}")
    return _order(row)


def listed(connection: sa.Connection, limit: int, *, settled: bool = False) -> list[RefusedOrder]:
    """Return the open ones, the last refused first; with `settled` also those that are settled."""
    query = sa.select(table).order_by(table.c.last_at.desc(), table.c.id.desc()).limit(limit)
    return [_order(row) for row in connection.execute(query if settled else query.where(table.c.settled == ""))]


def wanting_alarm(connection: sa.Connection, now: float, limit: int) -> list[RefusedOrder]:
    """Return open ones whose alarm is due: first those never tried, then those tried longest ago."""
    # No alarm is put off for longer: it was written by a clock that was ahead
    ahead = table.c.alarm.between(_at(now + APART_SECONDS + AHEAD_SECONDS), "9" * 10)
    due = sa.or_(table.c.alarm == "wanted", table.c.alarm.between("0", _at(now)), ahead)
    tried = sa.case((table.c.alarm == "wanted", ""), else_=table.c.alarm)
    query = sa.select(table).where(due).order_by(tried, table.c.id).limit(limit)
    return [_order(row) for row in connection.execute(query)]


def claim_alarm(connection: sa.Connection, order: RefusedOrder, now: float) -> RefusedOrder | None:
    """Claim the order's alarm; return the claimed order, None when it changed or another process claimed it."""
    claimed = replace(order, alarm=_at(now + CLAIM_SECONDS))
    same = table.c.last_at == order.last_at
    return claimed if _set_alarm(connection, order, claimed.alarm, same) else None


def alarm_delivered(connection: sa.Connection, claimed: RefusedOrder) -> bool:
    """Note that the operator was notified of the order as of the claim; return False where it is gone: its client was
    forgotten meanwhile."""
    return _set_alarm(connection, claimed, "told") or bool(numbers(connection, table.c.id == claimed.id))


def put_off(connection: sa.Connection, claimed: RefusedOrder, until: float) -> None:
    """Put a failed alarm off until the given time."""
    _set_alarm(connection, claimed, _at(until))


def _set_alarm(connection: sa.Connection, order: RefusedOrder, alarm: str, *more: sa.ColumnElement[bool]) -> bool:
    """Set the row's alarm if it is still as `order` says; return whether it was."""
    query = sa.update(table).where(table.c.id == order.id, table.c.alarm == order.alarm, *more)
    return connection.execute(query.values(alarm=alarm)).rowcount == 1


def _at(moment: float) -> str:
    """Return the unix second as column `alarm` stores it; the texts sort by time."""
    return f"{round(moment):010d}"
