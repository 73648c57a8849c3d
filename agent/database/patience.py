"""Repeats work against the database while its failures may pass: lost connections, deadlocks, too many connections."""

import time

from shared.errors import ShoplaunchError

MYPY = False
if MYPY:
    from typing import Callable, TypeVar

    from agent.database.work import Work

    Result = TypeVar("Result")

#: How long a run retries without any success; then the next tick continues. Less than lock.HUNG_SECONDS.
PATIENCE_SECONDS = 540.0
FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 5.0
#: Errors worth an immediate retry: the database is running, another transaction was in the way.
TRANSIENT = ("db_error", "db_unreachable", "db_busy", "db_socket_foreign")
#: Time without success before it is reported: an account may have few connections, all in use elsewhere.
QUIET_SECONDS = 60.0


class Patience:
    """Retry pauses that grow until something succeeds; gives up after PATIENCE_SECONDS without success.

    A success is passed on to `others` (another Patience), and its successes count here: other connections may get what
    this one is refused. `on_waiting(error)` is called once when nothing has succeeded for a while.
    """

    def __init__(
        self,
        check: "Callable[[], None]",
        others: "Patience | None" = None,
        seconds: float = PATIENCE_SECONDS,
        clock: "Callable[[], float]" = time.monotonic,
        sleep: "Callable[[float], None]" = time.sleep,
        on_waiting: "Callable[[ShoplaunchError], None] | None" = None,
    ) -> None:
        self._check = check
        self._on_waiting = on_waiting
        self._others = others
        self._seconds = seconds
        self._clock = clock
        self._sleep = sleep
        self._begin()

    def _begin(self) -> None:
        self.since = self._clock()
        self._is_reported = False
        self._pause = FIRST_PAUSE_SECONDS

    def success(self) -> None:
        """Note a success: the pauses start anew."""
        self._begin()
        if self._others is not None:
            self._others.success()

    def failure(self, error: "ShoplaunchError") -> None:
        """Wait before the next try. Raises `error` when it is not transient or has lasted too long."""
        since = self.since if self._others is None else max(self.since, self._others.since)
        waited = self._clock() - since
        if error.code not in TRANSIENT or waited > self._seconds:
            raise error
        if self._on_waiting is not None and waited > QUIET_SECONDS and not self._is_reported:
            self._is_reported = True
            self._on_waiting(error)
        until = self._clock() + self._pause
        while self._clock() < until:
            self._check()
            self._sleep(min(0.5, max(0.01, until - self._clock())))
        self._pause = min(self._pause * 2, LONGEST_PAUSE_SECONDS)

    def run(self, work: "Callable[[], Result]") -> "Result":
        """Return `work()`, repeated as long as it fails with what may pass. Raises its last ShoplaunchError."""
        while True:
            before = self.since
            try:
                return work()
            except ShoplaunchError as error:
                if self.since > before:
                    # Something has succeeded in this try, so the failure has not lasted longer
                    self.success()
                self.failure(error)


def of_stage(ctx: "Work") -> "Patience":
    """Return the Patience of a stage: it ends when `ctx` is not current any more, and is reported when it is tried."""
    return Patience(ctx.check_current, on_waiting=ctx.report_waiting)
