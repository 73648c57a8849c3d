"""The second factor of operators: set, removed and checked."""

from __future__ import annotations

import sqlalchemy as sa

from controller import totp
from controller.config import Config
from controller.db import access, operators
from controller.db.clock import database_now
from controller.db.engine import make_engine, reading, transact
from controller.keys import Keys, load_keys


def may_be_guessed(engine: sa.Engine, user: str, code: str) -> bool:
    """Tell whether trying codes like this one may lead somewhere: it is as short as those of an app."""
    if len(code) > 2 * totp.DIGITS:
        return False
    with reading(engine) as connection:
        return operators.second_factor(connection, user)[0] is not None


def accepts(engine: sa.Engine, keys: Keys, user: str, code: str, now: float) -> bool:
    """Tell whether the operator has no second factor, or `code` is one of now or for recovery; each counts once."""
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


def begin(config: Config, user: str) -> tuple[str, list[str]]:
    """Give the operator a second factor; return (the secret for an app, recovery codes), shown this once.

    Raises ShoplaunchError `user_unknown`.
    """
    secret, codes = totp.new_secret(), totp.new_recovery_codes()
    encrypted = load_keys(config.keys).encrypt(secret)
    _set(config, user, encrypted, [totp.digest(code) for code in codes], "user totp")
    return secret, codes


def end(config: Config, user: str) -> None:
    """The operator signs in with the password alone. Raises ShoplaunchError `user_unknown`."""
    _set(config, user, None, [], "user totp remove")


def _set(config: Config, user: str, encrypted: str | None, digests: list[str], what: str) -> None:
    def work(connection: sa.Connection) -> None:
        operators.role(connection, user)
        operators.set_second_factor(connection, user, encrypted, digests)
        access.add_audit(connection, database_now(connection), "command line", what, None, user)

    transact(make_engine(config.database_url), work)
