"""Runs independent database tasks over several connections in parallel."""

import threading
import time

from agent.database.access import close
from shared.errors import ShoplaunchError

MYPY = False
if MYPY:
    from typing import Any, Callable, Sequence

    from agent.database.connection import OurConnection
    from agent.database.work import Work

#: Least time between two checks that this attempt is still current.
LOOK_SECONDS = 1.0


def run(
    ctx: "Work",
    connection: "OurConnection",
    tasks: "Sequence[Callable[[OurConnection], Any]]",
    progress: "Callable[[float], None]",
    others: int = 1,
) -> "list[Any]":
    """Call each of `tasks` with a connection and return their results in order.

    One worker uses `connection`, `others` more are threads with connections of their own; where the account allows
    fewer threads or connections, fewer do all the work. `progress(fraction)` is called now and then. Raises the first
    failure once all workers have stopped.
    """
    workers = _Workers(ctx, tasks, progress)
    threads = []
    try:
        for _ in range(min(others, len(tasks) - 1)):
            thread = threading.Thread(target=workers.work_on_new_connection, name="parallel")
            thread.start()
            threads.append(thread)
    except RuntimeError as error:
        ctx.log.info("workers besides the first: %d: %s", len(threads), error)
    workers.work(connection)
    for thread in threads:
        thread.join()
    if workers.failure is not None:
        raise workers.failure
    return workers.results


class _Workers:
    """A queue of tasks from which each free worker takes the next."""

    def __init__(
        self, ctx: "Work", tasks: "Sequence[Callable[[OurConnection], object]]", progress: "Callable[[float], None]"
    ) -> None:
        self._ctx = ctx
        self._tasks = tasks
        self._progress = progress
        self._guard = threading.Lock()
        self._next = 0
        self._due = 0.0
        self.results: "list[Any]" = [None] * len(tasks)
        self.failure: "Exception | None" = None

    def work_on_new_connection(self) -> None:
        """Work over a new connection."""
        try:
            connection = self._ctx.connect()
        except ShoplaunchError as error:
            # An account may have few connections: the other workers do the work
            self._ctx.log.info("one connection fewer: %s", error.message)
            return
        except Exception as error:  # noqa: BLE001 - `run` raises it
            self._fail(error)
            return
        try:
            self.work(connection)
        finally:
            close(connection)

    def work(self, connection: "OurConnection") -> None:
        """Work on the waiting tasks until none is left, or one fails."""
        while True:
            with self._guard:
                number = self._next
                if self.failure is not None or number >= len(self._tasks):
                    return
                self._next += 1
                is_due = time.monotonic() >= self._due
                if is_due:
                    self._due = time.monotonic() + LOOK_SECONDS
            try:
                if is_due:
                    self._ctx.check_current()
                    self._progress(number / len(self._tasks))
                self.results[number] = self._tasks[number](connection)
            except Exception as error:  # noqa: BLE001 - `run` raises it
                self._fail(error)

    def _fail(self, error: Exception) -> None:
        with self._guard:
            if self.failure is None:
                self.failure = error
