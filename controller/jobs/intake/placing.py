"""Places an order: makes its job, or, where it was signed and is refused, stores it for an operator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import sqlalchemy as sa

from controller.db.connection.engine import reading
from controller.db.identities import api_keys
from controller.db.identities.access import Note
from controller.db.jobs import Job
from controller.jobs.intake import orders, refused_orders
from controller.jobs.intake.orders import Sender
from shared.errors import ShoplaunchError


def place(engine: sa.Engine, order: Mapping[str, object], sender: Sender, now: float, note: Note | None = None) -> Job:
    """Return the order's job; see controller.jobs.intake.orders.place.

    A refused order that was signed is stored: see controller.jobs.intake.refused_orders.
    """
    api = sender.source == refused_orders.API
    try:
        owned = replace(sender, signed_by=sender.signed_by or _only_key(engine))
        return orders.place(engine, order, owned, now, note)
    except ShoplaunchError as error:
        if api and refused_orders.is_refusal(error):
            refused_orders.refuse(engine, sender, order, error, now)
        raise


def _only_key(engine: sa.Engine) -> str:
    """Return the owner of an operator's order: the only billing system, else ""."""
    with reading(engine) as connection:
        known = api_keys.names(connection)
    return known[0] if len(known) == 1 else ""
