"""Queries on who may do what: operators, failed logins, keys of billing systems, the audit log."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from controller.db.tables import api_keys, audit, operators
from shared.errors import ShoplaunchError


def password_hash(connection: sa.Connection, user: str) -> str | None:
    """Return the operator's password hash, None when there is no such operator."""
    return connection.execute(sa.select(operators.c.password_hash).where(operators.c.user == user)).scalar()


def set_operator(connection: sa.Connection, user: str, hashed: str, now: float) -> None:
    """The operator exists and has this password."""
    if password_hash(connection, user) is None:
        connection.execute(sa.insert(operators).values(user=user, password_hash=hashed, created_at=now))
    else:
        connection.execute(sa.update(operators).where(operators.c.user == user).values(password_hash=hashed))


def list_operators(connection: sa.Connection) -> list[str]:
    """Return the operators' names."""
    return list(connection.execute(sa.select(operators.c.user).order_by(operators.c.user)).scalars())


def add_key(connection: sa.Connection, name: str, secret_encrypted: str, now: float) -> None:
    """Add a billing system's key. Raises ShoplaunchError `name_taken`."""
    if key_secret(connection, name) is not None:
        raise ShoplaunchError("name_taken", f"there is a key {name!r} already")
    connection.execute(sa.insert(api_keys).values(name=name, secret_encrypted=secret_encrypted, created_at=now))


def key_names(connection: sa.Connection) -> list[str]:
    """Return the names of the billing systems' keys."""
    return list(connection.execute(sa.select(api_keys.c.name).order_by(api_keys.c.name)).scalars())


def key_secret(connection: sa.Connection, name: str) -> str | None:
    """Return the key's encrypted secret, None when there is no such key."""
    return connection.execute(sa.select(api_keys.c.secret_encrypted).where(api_keys.c.name == name)).scalar()


def add_audit(connection: sa.Connection, now: float, user: str, action: str, job: str | None, detail: str) -> None:
    """Note who did what."""
    connection.execute(sa.insert(audit).values(at=now, user=user, action=action, job=job, detail=detail[:500]))


def list_audit(connection: sa.Connection, limit: int, offset: int) -> list[sa.Row[Any]]:
    """Return rows (at, user, action, job, detail), newest first."""
    query = sa.select(audit.c.at, audit.c.user, audit.c.action, audit.c.job, audit.c.detail)
    return list(connection.execute(query.order_by(audit.c.id.desc()).limit(limit).offset(offset)))


def count_audit(connection: sa.Connection) -> int:
    """Return how many entries the audit log has."""
    return connection.execute(sa.select(sa.func.count()).select_from(audit)).scalar_one()
