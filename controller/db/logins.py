"""Failed logins: how often an address or a user may be wrong before it has to wait."""

from __future__ import annotations

import time
from collections.abc import Callable

import sqlalchemy as sa

from controller.db.web_tables import login_failures
from shared.errors import ShoplaunchError

WINDOW_SECONDS = 900
MAX_PER_ADDRESS = 10
#: Higher than an address's, so that one stranger alone cannot lock an operator out.
MAX_PER_USER = 30


class LoginThrottle:
    """Counts failures in the controller's database. Times are unix seconds of `clock`."""

    def __init__(self, engine: sa.Engine, clock: Callable[[], float] = time.time) -> None:
        self._engine = engine
        self._clock = clock

    def begin(self, user: str, address: str) -> int:
        """Note an attempt as failed before it is tried, so that many at once count too; return its number.

        Raises ShoplaunchError `login_throttled` with `retry_after_seconds` when there were too many; such attempts
        are not noted.
        """
        now = int(self._clock())
        since = now - WINDOW_SECONDS
        failures = login_failures.c
        with self._engine.begin() as connection:
            connection.execute(sa.delete(login_failures).where(failures.at < since))
            for column, value, limit in (
                (failures.address, address, MAX_PER_ADDRESS),
                (failures.user_name, user, MAX_PER_USER),
            ):
                found = sa.select(sa.func.count(), sa.func.min(failures.at)).where(column == value)
                count, oldest = connection.execute(found).one()
                if count >= limit:
                    wait = max(1, oldest + WINDOW_SECONDS - now)
                    raise ShoplaunchError("login_throttled", "too many failed logins", retry_after_seconds=wait)
            row = {"user_name": user, "address": address, "at": now}
            done = connection.execute(sa.insert(login_failures).values(**row))
        key = done.inserted_primary_key
        return int(key[0]) if key else 0

    def succeeded(self, user: str, address: str) -> None:
        """Forget the failures of this user from this address."""
        gone = sa.and_(login_failures.c.user_name == user, login_failures.c.address == address)
        with self._engine.begin() as connection:
            connection.execute(sa.delete(login_failures).where(gone))
