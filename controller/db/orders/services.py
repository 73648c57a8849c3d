"""Queries on billing's events of its services."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import sqlalchemy as sa

from controller.db.tables import services

if TYPE_CHECKING:
    from shared.documents import BillingEvent, Error

_DOCUMENTS = ("wanted", "error")


@dataclass(frozen=True)
class BilledService:
    """A service as its row says; times are unix seconds, None: has not happened as far as known."""

    service_id: str
    #: The key that signed its events.
    signed_by: str = ""
    order_id: str | None = None
    client_id: str | None = None
    module_created_at: float | None = None
    accepted_at: float | None = None
    terminated_at: float | None = None
    wanted: BillingEvent | None = None
    error: Error | None = None
    updated_at: float = 0.0


_COLUMNS = [services.c[one.name] for one in fields(BilledService)]


def get(connection: sa.Connection, signed_by: str, service_id: str, *, lock: bool = False) -> BilledService | None:
    """Return the key's service, None when it is unknown; with `lock` its row is locked until the transaction ends."""
    query = sa.select(*_COLUMNS).where(_same(signed_by, service_id))
    row = connection.execute(query.with_for_update() if lock else query).first()
    if row is None:
        return None
    values = dict(row._mapping)
    for name in _DOCUMENTS:
        values[name] = None if values[name] is None else json.loads(values[name])
    return BilledService(**values)


def put(connection: sa.Connection, service: BilledService) -> None:
    """Write the service's row. Raises sqlalchemy IntegrityError when another process added it meanwhile."""
    values = {**vars(service)}
    for name in _DOCUMENTS:
        values[name] = None if values[name] is None else json.dumps(values[name], sort_keys=True)
    same = _same(service.signed_by, service.service_id)
    if connection.execute(sa.select(services.c.service_id).where(same)).first() is None:
        connection.execute(sa.insert(services).values(**values))
    else:
        connection.execute(sa.update(services).where(same).values(**values))


def _same(signed_by: str, service_id: str) -> sa.ColumnElement[bool]:
    return sa.and_(services.c.signed_by == signed_by, services.c.service_id == service_id)
