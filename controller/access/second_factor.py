"""The second factor of operators: offered, set, removed and checked."""

from __future__ import annotations

import json

import sqlalchemy as sa

from controller.access import totp
from controller.access.actor import Actor
from controller.db.connection.engine import reading, transact
from controller.db.identities import access, operators
from controller.keys import Keys
from shared.errors import ShoplaunchError

#: Time an operator has to scan an offered secret with an app.
OFFER_SECONDS = 900


def may_be_guessed(engine: sa.Engine, user: str, code: str) -> bool:
    """Return whether trying codes of this form could succeed: it is as short as an app's code."""
    if len(totp.plain(code)) > 2 * totp.DIGITS:
        return False
    with reading(engine) as connection:
        return operators.second_factor(connection, user)[0] is not None


def accepts(engine: sa.Engine, keys: Keys, user: str, code: str, now: float) -> bool:
    """Return whether the operator has no second factor, or `code` is a current or a recovery code; each works once."""
    with reading(engine) as connection:
        encrypted, recovery = operators.second_factor(connection, user)
    if encrypted is None:
        return True
    step = totp.step_of(keys.decrypt(encrypted), code, now)
    if step is not None:
        return transact(engine, lambda connection: operators.use_step(connection, user, step))
    left = totp.without(recovery, code)
    if left is None:
        return False
    return transact(engine, lambda connection: operators.use_recovery(connection, user, recovery, left))


def begin(actor: Actor, user: str) -> tuple[str, list[str]]:
    """Give the operator a second factor; return (the secret for an app, recovery codes), shown this once.

    Raises ShoplaunchError `user_unknown`.
    """
    secret = totp.new_secret()
    return secret, _give(actor, user, secret, 0)


def offer(actor: Actor, user: str, now: float) -> tuple[str, str]:
    """Return (a new secret for the operator's app, the same sealed); it takes effect once `confirm` gets a code of it.

    Ending the operator's sessions ends the offer.
    """
    secret = totp.new_secret()
    found = {"user": user, "secret": secret, "at": now, "generation": _generation(actor, user)}
    return secret, actor.keys().encrypt(json.dumps(found))


def offered(actor: Actor, user: str, sealed: str, now: float) -> str | None:
    """Return the secret offered to the operator, None for an expired, another operator's or a forged one."""
    try:
        found = json.loads(actor.keys().decrypt(sealed))
    except (ShoplaunchError, ValueError):
        return None
    if not isinstance(found, dict) or found.get("user") != user or now - found["at"] > OFFER_SECONDS:
        return None
    if found.get("generation") != _generation(actor, user):
        return None
    return str(found["secret"])


def _generation(actor: Actor, user: str) -> int | None:
    with reading(actor.engine) as connection:
        return access.generation(connection, user)


def confirm(actor: Actor, user: str, secret: str, code: str, now: float) -> list[str] | None:
    """Set the offered second factor; return recovery codes, None when `code` is not from its app.

    The code is used up. Raises ShoplaunchError `user_unknown`.
    """
    step = totp.step_of(secret, code, now)
    return None if step is None else _give(actor, user, secret, step)


def end(actor: Actor, user: str) -> None:
    """Remove the second factor: the operator signs in with the password alone. Raises `user_unknown`."""

    def work(connection: sa.Connection) -> None:
        operators.role(connection, user)
        operators.set_second_factor(connection, user, None, [])

    actor.change("user totp remove", user, work)


def _give(actor: Actor, user: str, secret: str, step: int) -> list[str]:
    """Set the second factor `secret`, whose codes up to `step` count as used; return recovery codes."""
    encrypted, codes = actor.keys().encrypt(secret), totp.new_recovery_codes()
    digests = [totp.digest(code) for code in codes]

    def work(connection: sa.Connection) -> list[str]:
        operators.role(connection, user)
        operators.set_second_factor(connection, user, encrypted, digests, step)
        return codes

    return actor.change("user totp", user, work)
