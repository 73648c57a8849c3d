"""Queries on the bundles the controller knows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from controller.db.row_holds import Hold, held
from controller.db.tables import bundles
from controller.product_kind import SHOP
from shared.errors import ShoplaunchError

_LISTS = ("variants", "languages", "currencies")
_NAMED = sa.select(bundles).where(bundles.c.name == sa.bindparam("wanted"))
# Built once: asked for every order
_BY_NAME = {hold: held(_NAMED, hold) for hold in Hold}


@dataclass(frozen=True)
class Bundle:
    """A bundle as its row says; `sha256` and `size` are those of the whole file."""

    name: str
    sha256: str
    size: int
    manifest_sha256: str
    application: str
    version: str
    added_at: float
    #: [{"name", "title"}]: the variants an order may choose.
    variants: Sequence[Mapping[str, str]] = ()
    #: What the bundle makes, as its clients call it.
    noun: str = SHOP
    #: Whether the bundle supports shops below a folder of their domain.
    folders: bool = False
    #: Languages and currencies that orders may choose; empty where there is no limit, or it is unknown.
    languages: Sequence[str] = ()
    currencies: Sequence[str] = ()
    #: Bought: accounts without a job may not copy it.
    paid: bool = False
    #: Its key in the object store, None where agents fetch it from the controller.
    store_key: str | None = None


def of_columns(columns: Mapping[Any, Any]) -> Bundle:
    """Return the bundle that a row is."""
    known = dict(columns)
    return Bundle(**known | {name: json.loads(known[name] or "[]") for name in _LISTS})


def add(connection: sa.Connection, bundle: Bundle) -> None:
    """Add a bundle. Raises ShoplaunchError `name_taken` when another one has that name."""
    row = connection.execute(sa.select(bundles).where(bundles.c.name == bundle.name)).first()
    if row is not None:
        if row.sha256 != bundle.sha256:
            raise ShoplaunchError("name_taken", f"there is another bundle {bundle.name!r} already")
        return
    values = vars(bundle) | {"variants": json.dumps([dict(one) for one in bundle.variants], ensure_ascii=False)}
    values |= {name: json.dumps(list(values[name])) for name in ("languages", "currencies")}
    connection.execute(sa.insert(bundles).values(**values))


def mark(connection: sa.Connection, name: str, *, paid: bool) -> None:
    """Note whether the bundle is paid for."""
    connection.execute(sa.update(bundles).where(bundles.c.name == name).values(paid=paid))


def note_store(connection: sa.Connection, name: str, key: str | None) -> None:
    """Note under which key the object store holds the bundle, None: it does not any more."""
    connection.execute(sa.update(bundles).where(bundles.c.name == name).values(store_key=key))


def find(connection: sa.Connection, name: str, hold: Hold = Hold.NOT) -> Bundle | None:
    """Return the bundle, None when there is none."""
    row = connection.execute(_BY_NAME[hold], {"wanted": name}).first()
    return None if row is None else of_columns(row._mapping)


def get(connection: sa.Connection, name: str, hold: Hold = Hold.NOT) -> Bundle:
    """Return the bundle. Raises ShoplaunchError `bundle_unknown`."""
    found = find(connection, name, hold)
    if found is None:
        raise ShoplaunchError("bundle_unknown", f"there is no bundle {name[:80]!r}")
    return found


def remove(connection: sa.Connection, name: str) -> None:
    """Forget the bundle."""
    connection.execute(sa.delete(bundles).where(bundles.c.name == name))


def listed(connection: sa.Connection) -> list[Bundle]:
    """Return all bundles by name."""
    return [of_columns(row._mapping) for row in connection.execute(sa.select(bundles).order_by(bundles.c.name))]
