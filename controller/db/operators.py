"""Queries on what operators may do and on their second factor."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from controller.db.tables import operators
from shared.errors import ShoplaunchError

#: From the least on: each may do what those before it may.
ROLES = LOOK, OPERATE, ADMINISTER = "look", "operate", "administer"


def allows(role: str, needed: str) -> bool:
    """Tell whether who has `role` may do what needs the role `needed`."""
    return role in ROLES and ROLES.index(role) >= ROLES.index(needed)


def _where(user: str) -> sa.ColumnElement[bool]:
    return operators.c.user == user


def role(connection: sa.Connection, user: str) -> str:
    """Return the operator's role. Raises ShoplaunchError `user_unknown`."""
    found = connection.execute(sa.select(operators.c.role).where(_where(user))).scalar()
    if found is None:
        raise ShoplaunchError("user_unknown", f"there is no operator {user[:80]!r}")
    return str(found)


def set_role(connection: sa.Connection, user: str, wanted: str) -> None:
    """The operator has the role. Raises ShoplaunchError `user_unknown`, `in_use` for the last administrator."""
    if wanted != ADMINISTER:
        require_another(connection, user)
    role(connection, user)
    connection.execute(sa.update(operators).where(_where(user)).values(role=wanted))


def require_another(connection: sa.Connection, user: str) -> None:
    """Raise ShoplaunchError `in_use` when nobody but `user` may administer."""
    others = sa.select(operators.c.user).where(operators.c.role == ADMINISTER, operators.c.user != user)
    if role(connection, user) == ADMINISTER and connection.execute(others.limit(1)).first() is None:
        raise ShoplaunchError("in_use", f"{user} is the last operator who may administer")


def second_factor(connection: sa.Connection, user: str) -> tuple[str | None, list[str]]:
    """Return (the encrypted secret of the operator's app or None, the digests of recovery codes left)."""
    row = connection.execute(sa.select(operators.c.totp_encrypted, operators.c.recovery).where(_where(user))).first()
    return (None, []) if row is None else (row.totp_encrypted, json.loads(row.recovery or "[]"))


def set_second_factor(connection: sa.Connection, user: str, encrypted: str | None, digests: Sequence[str]) -> None:
    """The operator has this second factor, or none; sessions begun without it are over."""
    values: dict[str, Any] = {"totp_encrypted": encrypted, "totp_last": 0, "recovery": json.dumps(list(digests))}
    values["generation"] = operators.c.generation + 1
    connection.execute(sa.update(operators).where(_where(user)).values(**values))


def use_step(connection: sa.Connection, user: str, step: int) -> bool:
    """Tell whether the code of this time step may still be used; it, and those before it, may not any more."""
    query = sa.update(operators).where(_where(user), operators.c.totp_last < step)
    return connection.execute(query.values(totp_last=step)).rowcount == 1


def use_recovery(connection: sa.Connection, user: str, before: Sequence[str], left: Sequence[str]) -> bool:
    """Tell whether the recovery code that is not in `left` could be used; nobody else can use it any more."""
    same = sa.and_(_where(user), operators.c.recovery == json.dumps(list(before)))
    return connection.execute(sa.update(operators).where(same).values(recovery=json.dumps(list(left)))).rowcount == 1
