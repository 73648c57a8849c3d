"""Queries on the roles of operators and on their second factor."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from controller.db.identities import access, sessions
from controller.db.tables import operator_sessions, operators
from shared.errors import ShoplaunchError

#: In ascending order: each role includes the ones before it.
ROLES = LOOK, OPERATE, ADMINISTER = "look", "operate", "administer"


@dataclass(frozen=True)
class Operator:
    """An operator as lists show it; `recovery_codes` is how many are left, times are unix seconds."""

    user: str
    role: str
    second_factor: bool
    created_at: float
    signed_in_at: float | None
    sessions: int
    recovery_codes: int


def listed(connection: sa.Connection, now: float) -> list[Operator]:
    """Return the operators by name, with their sessions at `now`."""
    counted = sa.select(operator_sessions.c.user, sa.func.count().label("count")).where(sessions.alive(now))
    alive = counted.group_by(operator_sessions.c.user).subquery()
    factor = operators.c.totp_encrypted.is_not(None)
    columns = (operators.c.user, operators.c.role, factor, operators.c.created_at, operators.c.signed_in_at)
    query = sa.select(*columns, sa.func.coalesce(alive.c.count, 0), operators.c.recovery)
    query = query.select_from(operators.outerjoin(alive, alive.c.user == operators.c.user)).order_by(operators.c.user)
    return [_operator(*row) for row in connection.execute(query)]


def _operator(user: str, role: str, factor: bool, created_at: float, *rest: Any) -> Operator:
    signed_in_at, count, recovery = rest
    left = len(json.loads(recovery or "[]")) if factor else 0
    return Operator(user, role, bool(factor), created_at, signed_in_at, count, left)


def allows(role: str, needed: str) -> bool:
    """Return whether `role` includes the role `needed`."""
    return role in ROLES and ROLES.index(role) >= ROLES.index(needed)


def _where(user: str) -> sa.ColumnElement[bool]:
    return operators.c.user == user


def role(connection: sa.Connection, user: str) -> str:
    """Return the operator's role. Raises ShoplaunchError `user_unknown`."""
    found = connection.execute(sa.select(operators.c.user, operators.c.role).where(_where(user))).first()
    # MariaDB ignores trailing blanks when it compares names
    if found is None or found.user != user:
        raise unknown(user)
    return str(found.role)


def unknown(user: str) -> ShoplaunchError:
    """Return the error that there is no operator of this name."""
    return ShoplaunchError("user_unknown", f"there is no operator {user[:80]!r}")


def set_role(connection: sa.Connection, user: str, wanted: str) -> None:
    """Set the operator's role. Raises ShoplaunchError `user_unknown`, `in_use` for the last administrator."""
    if wanted != ADMINISTER:
        require_another(connection, user)
    role(connection, user)
    connection.execute(sa.update(operators).where(_where(user)).values(role=wanted))


def require_another(connection: sa.Connection, user: str) -> None:
    """Raise ShoplaunchError `in_use` when `user` is the only administrator."""
    # Locked: two administrators who demote each other at the same time are handled one after the other
    query = sa.select(operators.c.user).where(operators.c.role == ADMINISTER).order_by(operators.c.user)
    administrators = list(connection.execute(query.with_for_update()).scalars())
    if role(connection, user) == ADMINISTER and administrators == [user]:
        raise ShoplaunchError("in_use", f"{user} is the last operator who may administer")


def second_factor(connection: sa.Connection, user: str) -> tuple[str | None, list[str]]:
    """Return (the encrypted secret of the operator's app or None, the digests of recovery codes left)."""
    row = connection.execute(sa.select(operators.c.totp_encrypted, operators.c.recovery).where(_where(user))).first()
    return (None, []) if row is None else (row.totp_encrypted, json.loads(row.recovery or "[]"))


def set_second_factor(
    connection: sa.Connection, user: str, encrypted: str | None, digests: Sequence[str], last: int = 0
) -> None:
    """Set the operator's second factor, or remove it; sessions begun without it end.

    Codes of the time steps up to `last` count as used.
    """
    values: dict[str, Any] = {"totp_encrypted": encrypted, "totp_last": last, "recovery": json.dumps(list(digests))}
    connection.execute(sa.update(operators).where(_where(user)).values(**values))
    access.end_sessions(connection, user)


def use_step(connection: sa.Connection, user: str, step: int) -> bool:
    """Use up the code of this time step, and those before it; return whether it was unused."""
    query = sa.update(operators).where(_where(user), operators.c.totp_last < step)
    return connection.execute(query.values(totp_last=step)).rowcount == 1


def use_recovery(connection: sa.Connection, user: str, before: Sequence[str], left: Sequence[str]) -> bool:
    """Use up the recovery code that is missing in `left`; return whether it was unused."""
    same = sa.and_(_where(user), operators.c.recovery == json.dumps(list(before)))
    return connection.execute(sa.update(operators).where(same).values(recovery=json.dumps(list(left)))).rowcount == 1
