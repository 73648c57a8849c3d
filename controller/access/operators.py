"""Operators: added, given a password and a role, signed out, removed; the last administrator stays."""

from __future__ import annotations

import re
import secrets

import sqlalchemy as sa

from controller.access import alike, passwords
from controller.access.actor import Actor
from controller.db.connection.clock import database_now
from controller.db.connection.engine import reading
from controller.db.identities import access, sessions
from controller.db.identities import operators as rows
from controller.db.identities.operators import ADMINISTER, ROLES, Operator
from shared.errors import ShoplaunchError

NAME_CHARS = 64
NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._@-]{{0,{NAME_CHARS - 1}}}\Z")
MIN_PASSWORD_CHARS = 10
#: Names in the audit log that are no operators.
OTHERS = ("client", "command")


def new_password() -> str:
    """Return a new password that people can type."""
    return "-".join(secrets.token_hex(3) for _ in range(4))


def listed(actor: Actor, now: float) -> list[Operator]:
    """Return the operators by name, with the sessions each has at `now`."""
    with reading(actor.engine) as connection:
        return rows.listed(connection, now)


def get(actor: Actor, name: str, now: float) -> Operator:
    """Return the operator. Raises ShoplaunchError `user_unknown`."""
    found = next((one for one in listed(actor, now) if one.user == name), None)
    if found is None:
        raise rows.unknown(name)
    return found


def sessions_of(actor: Actor, name: str, now: float) -> list[sa.Row[tuple[float, float, str]]]:
    """Return rows (began_at, seen_at, address) of the operator's sessions at `now`, the last used first."""
    with reading(actor.engine) as connection:
        return sessions.listed(connection, name, now)


def add(actor: Actor, name: str, password: str, role: str = ADMINISTER) -> None:
    """Add the operator. Raises ShoplaunchError `login_invalid`, `name_taken`."""
    hashed = _hashed(name, password)
    if name.casefold() in OTHERS:
        raise ShoplaunchError("name_taken", f"in the audit log {name} is somebody else")

    def work(connection: sa.Connection) -> None:
        there = alike.find(name, access.list_operators(connection, lock=True))
        if there is not None:
            raise ShoplaunchError(
                "name_taken", f"the operator {there} is there; `shoplaunch user password {there}` gives a new password"
            )
        access.add_operator(connection, name, hashed, database_now(connection))
        if role != ADMINISTER:
            rows.set_role(connection, name, _known(role))

    actor.change("user add", f"{name} {role}", work)


def set_password(actor: Actor, name: str, password: str) -> None:
    """Set the operator's password and end every session. Raises ShoplaunchError `login_invalid`, `user_unknown`."""
    hashed = _hashed(name, password)

    def work(connection: sa.Connection) -> None:
        rows.role(connection, name)
        if not access.set_password(connection, name, hashed):
            # Removed since the look above: never added anew, with a role that operator did not have
            raise rows.unknown(name)

    actor.change("user password", name, work)


def set_role(actor: Actor, name: str, role: str) -> None:
    """Set the operator's role. Raises ShoplaunchError `login_invalid`, `user_unknown`, `in_use`."""
    _known(role)
    actor.change("user role", f"{name} {role}", lambda connection: rows.set_role(connection, name, role))


def end_sessions(actor: Actor, name: str) -> None:
    """End every session of the operator, on every device. Raises ShoplaunchError `user_unknown`."""

    def work(connection: sa.Connection) -> None:
        rows.role(connection, name)
        access.end_sessions(connection, name)

    actor.change("user sessions", name, work)


def require_another(actor: Actor, name: str) -> None:
    """Raise ShoplaunchError `user_unknown`, or `in_use` for the last administrator."""
    with reading(actor.engine) as connection:
        rows.require_another(connection, name)


def remove(actor: Actor, name: str) -> None:
    """Remove the operator with every session. Raises ShoplaunchError `user_unknown`, `in_use` for the last one."""

    def work(connection: sa.Connection) -> None:
        rows.require_another(connection, name)
        access.remove_operator(connection, name)

    actor.change("user remove", name, work)


def _hashed(name: str, password: str) -> str:
    if not NAME.match(name):
        raise ShoplaunchError("login_invalid", "an operator's name is letters, digits, dots, dashes, @; at most 64")
    if len(password) < MIN_PASSWORD_CHARS:
        raise ShoplaunchError("login_invalid", f"a password has at least {MIN_PASSWORD_CHARS} characters")
    # The sign-in page takes one line, so nobody could type the others
    if len(password.splitlines()) > 1:
        raise ShoplaunchError("login_invalid", "a password is one line")
    return passwords.hashed(password)


def _known(role: str) -> str:
    if role not in ROLES:
        raise ShoplaunchError("login_invalid", f"there is no role {role[:40]!r}")
    return role
