"""Failed logins: how often an address or a user may be wrong before it has to wait."""

from __future__ import annotations

import time
from collections.abc import Callable

import sqlalchemy as sa

from controller.db.engine import transact
from controller.db.tables import login_failures
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

    def begin(self, user: str, address: str) -> None:
        """Note an attempt as failed before it is tried, so that many at once count too.

        Raises ShoplaunchError `login_throttled` with `retry_after_seconds` when there were too many; such attempts
        are not noted.
        """
        now = self._clock()
        limits = ((f"address:{address}", MAX_PER_ADDRESS), (f"user:{user}", MAX_PER_USER))

        def note(connection: sa.Connection) -> None:
            connection.execute(sa.delete(login_failures).where(login_failures.c.at < now - WINDOW_SECONDS))
            for subject, limit in limits:
                _refuse_too_many(connection, subject, limit, now)
            rows = [{"subject": subject, "at": now} for subject, _limit in limits]
            connection.execute(sa.insert(login_failures), rows)

        transact(self._engine, note)

    def succeeded(self, user: str, address: str) -> None:
        """Forget the failures of the user and of the address."""
        subjects = (f"address:{address}", f"user:{user}")
        gone = sa.delete(login_failures).where(login_failures.c.subject.in_(subjects))
        transact(self._engine, lambda connection: connection.execute(gone))


def _refuse_too_many(connection: sa.Connection, subject: str, limit: int, now: float) -> None:
    found = sa.select(sa.func.count(), sa.func.min(login_failures.c.at)).where(login_failures.c.subject == subject)
    count, oldest = connection.execute(found).one()
    if count >= limit:
        wait = max(1, round(oldest + WINDOW_SECONDS - now))
        raise ShoplaunchError("login_throttled", "too many failed logins", retry_after_seconds=wait)
