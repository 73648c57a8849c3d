"""A job's claims: its id, its order, its host and account on a server."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, TypedDict

from shared.encoding import canonical_json, sha256_hex

if TYPE_CHECKING:
    from shared.documents import Order

_ID_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"


class Claims(TypedDict):
    """The columns that keep other jobs off host and account."""

    domain_key: str
    account_key: str


def order_key(order: Order, signed_by: str) -> str:
    """Return what distinguishes this order from every other; `order` has its fields in canonical form."""
    # Migration 0012 builds the same key for stored orders
    named = {"by": signed_by, "order": dict(order)} if signed_by else dict(order)
    return str(sha256_hex(canonical_json(named)))


def new_id() -> str:
    """Return a new job's id."""
    return "".join(secrets.choice(_ID_ALPHABET) for _ in range(10))


def keys(server: str, host: str, account: str) -> Claims:
    """Return the columns that keep other jobs off host and account."""
    return {
        "domain_key": sha256_hex(host.encode("utf-8")),
        "account_key": sha256_hex(f"{server}/{account}".encode()),
    }
