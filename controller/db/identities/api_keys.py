"""Queries on the keys of billing systems: permissions, rate, last use, revocation."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from controller.db.tables import api_keys, jobs, refused_orders, services
from shared.errors import ShoplaunchError

if TYPE_CHECKING:
    from shared.documents import Order

#: What a key may be forbidden: to order with occupied=move or create_account, to retry a step, to end a service.
OPERATIONS = ("occupied", "create_account", "retry", "cancel")
#: Signed requests a minute, for keys without a rate of their own.
RATE = 600
RATE_SECONDS = 60.0
#: The last use of a key is written at most this often.
USED_SECONDS = 60.0
_LISTS = ("servers", "bundles", "operations")


@dataclass(frozen=True)
class ApiKey:
    """A key as its row says, without its secret; None in a list allows everything, times are unix seconds."""

    name: str
    servers: tuple[str, ...] | None = None
    bundles: tuple[str, ...] | None = None
    operations: tuple[str, ...] | None = None
    rate: int = RATE
    created_at: float = 0.0
    used_at: float | None = None
    revoked_at: float | None = None

    def require(self, operation: str) -> None:
        """Raise ShoplaunchError `key_forbidden` when the key may not do `operation`."""
        if self.operations is not None and operation not in self.operations:
            raise ShoplaunchError("key_forbidden", f"the key {self.name} may not: {operation}")

    def require_order(self, order: Order) -> None:
        """Raise ShoplaunchError `key_forbidden` when the key may not place this order."""
        for name, wanted, known in (
            ("server", order["server"], self.servers),
            ("bundle", order["bundle"], self.bundles),
        ):
            if known is not None and wanted not in known:
                raise ShoplaunchError("key_forbidden", f"the key {self.name} may not order for {name} {wanted}")
        if order.get("create_account"):
            self.require("create_account")
        if order.get("options", {}).get("occupied") == "move":
            self.require("occupied")


@dataclass(frozen=True)
class Adopted:
    """The number of services a key took over, ids of services it has itself, and jobs that still claim an order."""

    count: int
    left: Collection[str]
    orders: Collection[str]


def _key(row: sa.Row[object]) -> ApiKey:
    scope = json.loads(row.scope or "{}")
    values: dict[str, Any] = {name: tuple(scope[name]) for name in _LISTS if name in scope}
    values |= {name: getattr(row, name) for name in ("created_at", "used_at", "revoked_at")}
    return ApiKey(row.name, rate=row.rate or RATE, **values)


_NAMES = ("name", "scope", "rate", "created_at", "used_at", "revoked_at")
_QUERY = sa.select(*(api_keys.c[name] for name in _NAMES))
# Built once: asked for every order
_IN_USE = sa.select(api_keys.c.name).where(api_keys.c.revoked_at.is_(None)).order_by(api_keys.c.name)


def find(connection: sa.Connection, name: str, *, lock: bool = False) -> ApiKey | None:
    """Return the key, also a revoked one, None when there is none of that name. With `lock` the row is locked until the
    transaction ends."""
    query = _QUERY.where(api_keys.c.name == name)
    row = connection.execute(query.with_for_update() if lock else query).first()
    # MariaDB ignores trailing blanks when it compares names
    return None if row is None or row.name != name else _key(row)


def get(connection: sa.Connection, name: str, *, lock: bool = False) -> ApiKey:
    """As `find`, of a key that is not revoked. Raises ShoplaunchError `key_unknown`."""
    found = find(connection, name, lock=lock)
    if found is None or found.revoked_at is not None:
        what = "is revoked" if found else "is none of this installation"
        raise ShoplaunchError("key_unknown", f"the key {name[:80]!r} {what}")
    return found


def listed(connection: sa.Connection) -> list[ApiKey]:
    """Return all keys by name, revoked ones too."""
    return [_key(row) for row in connection.execute(_QUERY.order_by(api_keys.c.name))]


def names(connection: sa.Connection) -> list[str]:
    """Return the names of the keys in use."""
    return list(connection.execute(_IN_USE).scalars())


def add(connection: sa.Connection, key: ApiKey, secret_encrypted: str) -> None:
    """Add a key. Raises ShoplaunchError `name_taken`, also for a revoked key's name, which still owns services."""
    if find(connection, key.name) is not None:
        raise ShoplaunchError("name_taken", f"there is, or was, a key {key.name!r}")
    values = {"name": key.name, "secret_encrypted": secret_encrypted, "created_at": key.created_at}
    connection.execute(sa.insert(api_keys).values(**values, **_scope(key)))


def change(connection: sa.Connection, key: ApiKey) -> None:
    """Write the key's permissions."""
    connection.execute(sa.update(api_keys).where(api_keys.c.name == key.name).values(**_scope(key)))


def _scope(key: ApiKey) -> dict[str, object]:
    lists = {name: list(getattr(key, name)) for name in _LISTS if getattr(key, name) is not None}
    return {"scope": json.dumps(lists, sort_keys=True) if lists else None, "rate": key.rate}


def secret(connection: sa.Connection, name: str) -> str | None:
    """Return the encrypted secret of a key in use, None when there is no such key."""
    query = sa.select(api_keys.c.secret_encrypted)
    return connection.execute(query.where(api_keys.c.name == name, api_keys.c.revoked_at.is_(None))).scalar()


def renew(connection: sa.Connection, name: str, secret_encrypted: str) -> None:
    """Replace the key's secret; the old one is no longer valid."""
    query = sa.update(api_keys).where(api_keys.c.name == name)
    connection.execute(query.values(secret_encrypted=secret_encrypted))


def revoke(connection: sa.Connection, name: str, now: float) -> None:
    """Revoke the key and forget its secret; its name stays taken."""
    query = sa.update(api_keys).where(api_keys.c.name == name, api_keys.c.revoked_at.is_(None))
    connection.execute(query.values(revoked_at=now, secret_encrypted=""))


def used(connection: sa.Connection, name: str, now: float) -> None:
    """Note that the key is in use now."""
    old = sa.or_(api_keys.c.used_at.is_(None), api_keys.c.used_at < now - USED_SECONDS)
    connection.execute(sa.update(api_keys).where(api_keys.c.name == name, old).values(used_at=now))


def adopt(connection: sa.Connection, name: str, former: str) -> Adopted:
    """Give the services, jobs and refused orders of `former` to `name`."""
    own = set(connection.execute(_numbers(name)).scalars())
    theirs = set(connection.execute(_numbers(former)).scalars())
    left = own & theirs
    moved = sa.select(jobs.c.id).where(jobs.c.signed_by == former, jobs.c.order_key.is_not(None))
    moved = moved.where(sa.or_(jobs.c.service_id.is_(None), jobs.c.service_id.not_in(left)))
    orders = list(connection.execute(moved).scalars())
    for table in (services, jobs, refused_orders):
        # Orders without a service cannot collide
        which = sa.or_(table.c.service_id.is_(None), table.c.service_id.not_in(left))
        connection.execute(sa.update(table).where(table.c.signed_by == former, which).values(signed_by=name))
    return Adopted(len(theirs - left), sorted(left), orders)


def _numbers(name: str) -> sa.CompoundSelect[Any]:
    billed = sa.select(services.c.service_id).where(services.c.signed_by == name)
    ordered = sa.select(jobs.c.service_id).where(jobs.c.signed_by == name, jobs.c.service_id.is_not(None))
    return sa.union(billed, ordered)
