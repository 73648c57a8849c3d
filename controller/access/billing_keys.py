"""Keys of billing systems: added, changed, renewed, adopted and revoked, each noted in the audit log."""

from __future__ import annotations

import re
import secrets
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from controller.access import alike
from controller.access.actor import Actor
from controller.db import bundles, claims, jobs
from controller.db.connection.clock import database_now
from controller.db.connection.engine import reading
from controller.db.identities import access, api_keys
from controller.db.identities.api_keys import Adopted, ApiKey
from controller.db.machines import servers
from controller.db.row_holds import Hold
from shared.errors import ShoplaunchError

#: The form of names in signed requests.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}\Z")


def add(actor: Actor, key: ApiKey) -> str:
    """Add the key; return its secret (hexadecimal), which is shown this once.

    Raises ShoplaunchError `name_taken`, `name_invalid`, and `server_unknown`, `bundle_unknown` for what it names.
    """
    if not NAME.match(key.name):
        raise ShoplaunchError("name_invalid", f"{key.name[:80]!r} is no name of a key")
    secret = secrets.token_hex(32)
    encrypted = actor.keys().encrypt(secret)

    def work(connection: sa.Connection) -> str:
        _require_known(connection, key)
        # Serialises concurrent additions of similar names: there is no row yet that both would lock
        access.list_operators(connection, lock=True)
        known = {one.name: one for one in api_keys.listed(connection)}
        there = alike.find(key.name, known)
        if there is not None:
            raise _taken(known[there])
        api_keys.add(connection, replace(key, created_at=database_now(connection)), encrypted)
        return secret

    return actor.change("key add", key.name, work)


def _taken(key: ApiKey) -> ShoplaunchError:
    if key.revoked_at is not None:
        return ShoplaunchError("name_taken", f"there was a key {key.name!r}")
    # The command that added it may have been killed before it showed the secret
    message = f"the key {key.name} is there; `shoplaunch key renew {key.name}` gives a new secret"
    return ShoplaunchError("name_taken", message)


def change(actor: Actor, name: str, **changes: Any) -> ApiKey:
    """Change the key's permissions to `changes` (fields of ApiKey); return it. Raises ShoplaunchError `key_unknown`."""

    def work(connection: sa.Connection) -> ApiKey:
        # Two who change it at once: none writes back what it was allowed before the other one
        key = replace(api_keys.get(connection, name, lock=True), **changes)
        _require_known(connection, key)
        api_keys.change(connection, key)
        return key

    return actor.change("key set", name, work)


def renew(actor: Actor, name: str) -> str:
    """Return a new secret of the key, whose services stay; the old one becomes invalid. Raises `key_unknown`."""
    secret = secrets.token_hex(32)
    encrypted = actor.keys().encrypt(secret)

    def work(connection: sa.Connection) -> str:
        api_keys.get(connection, name, lock=True)
        api_keys.renew(connection, name, encrypted)
        return secret

    return actor.change("key renew", name, work)


def revoke(actor: Actor, name: str) -> None:
    """Revoke the key: its signatures are refused. Raises ShoplaunchError `key_unknown`."""

    def work(connection: sa.Connection) -> None:
        api_keys.get(connection, name, lock=True)
        api_keys.revoke(connection, name, database_now(connection))

    actor.change("key revoke", name, work)


def adopt(actor: Actor, name: str, former: str) -> Adopted:
    """Give the services, jobs and refused orders of `former` ("": of no key) to `name`.

    Raises ShoplaunchError `key_unknown`; `illegal_transition` while `former` is in use.
    """

    def work(connection: sa.Connection) -> Adopted:
        _require_adoptable(connection, name, former)
        adopted = api_keys.adopt(connection, name, former)
        for job_id in adopted.orders:
            # A repeated order signed by the new key must still be recognised
            job = jobs.get(connection, job_id, lock=True)
            jobs.update(
                connection,
                job,
                database_now(connection),
                order_key=claims.order_key(job.order, name),
                updated_at=job.updated_at,
            )
        return adopted

    return actor.change("key adopt", f"{name} {former}".strip(), work)


def listed(actor: Actor) -> list[ApiKey]:
    """Return all keys by name, revoked ones too."""
    with reading(actor.engine) as connection:
        return api_keys.listed(connection)


def get(actor: Actor, name: str) -> ApiKey:
    """Return the key, also a revoked one. Raises ShoplaunchError `key_unknown`."""
    with reading(actor.engine) as connection:
        found = api_keys.find(connection, name)
    if found is None:
        raise ShoplaunchError("key_unknown", f"there was no key {name[:80]!r}")
    return found


def in_use(actor: Actor, name: str) -> ApiKey:
    """Return the key. Raises ShoplaunchError `key_unknown`, also for a revoked one."""
    with reading(actor.engine) as connection:
        return api_keys.get(connection, name)


def choices(actor: Actor) -> dict[str, list[str]]:
    """Return the names of the servers and bundles to which a key may be limited."""
    with reading(actor.engine) as connection:
        known = servers.listed(connection), bundles.listed(connection)
    return {"servers": [row.name for row in known[0]], "bundles": [row.name for row in known[1]]}


def trail(actor: Actor, name: str, limit: int) -> list[sa.Row[object]]:
    """Return the audit log's rows (at, user, action, job, detail) of the key, newest first."""
    get(actor, name)
    with reading(actor.engine) as connection:
        return access.list_audit(connection, limit, 0, f"key {name}")


def require_adoptable(actor: Actor, name: str, former: str) -> None:
    """Raise what `adopt` would."""
    with reading(actor.engine) as connection:
        _require_adoptable(connection, name, former)


def _require_adoptable(connection: sa.Connection, name: str, former: str) -> None:
    api_keys.get(connection, name)
    before = api_keys.find(connection, former) if former else None
    if former and before is None:
        raise ShoplaunchError("key_unknown", f"there was no key {former[:80]!r}")
    if before is not None and before.revoked_at is None:
        raise ShoplaunchError("illegal_transition", f"the key {former} is in use; revoke it first")


def _require_known(connection: sa.Connection, key: ApiKey) -> None:
    for server in key.servers or ():
        servers.get(connection, server, Hold.SHARED)
    for bundle in key.bundles or ():
        bundles.get(connection, bundle, Hold.SHARED)
