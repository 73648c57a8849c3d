"""Group commit: concurrent changes of several threads reach the disk in one transaction of SQLite."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar, cast

import sqlalchemy as sa

from controller.db.connection import refusals
from controller.db.connection.engine import transact
from shared.errors import ShoplaunchError

Work = Callable[[sa.Connection], Any]
Result = TypeVar("Result")
#: Changes per transaction at most: other writers wait for the whole of it.
AT_ONCE = 50


class _Pending:
    """A change one thread wants, and its result."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.result: Any = None
        self.error: Exception | None = None
        self.settled = False
        #: Set when it is settled, or when its thread is to do the next transaction.
        self.news = threading.Event()

    def settle(self, result: object = None, error: Exception | None = None) -> None:
        self.result, self.error, self.settled = result, error, True
        self.news.set()


class GroupCommit:
    """Makes changes in the order of the calls; a thread that finds no other at work does it for all that wait.

    SQLite allows one write at a time and syncs every transaction to the disk. Other databases allow many.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._guard = threading.Lock()
        self._waiting: list[_Pending] = []
        self._at_work = False

    def transact(self, work: Callable[[sa.Connection], Result]) -> Result:
        """As engine.transact: a returned result is on the disk, a change that raised leaves nothing.

        `work` may be run several times: it must have no effects outside the database.
        """
        if self._engine.dialect.name != "sqlite":
            return transact(self._engine, work)
        mine = _Pending(work)
        with self._guard:
            self._waiting.append(mine)
            begins, self._at_work = not self._at_work, True
        if not begins:
            mine.news.wait()
        if not mine.settled:
            self._work()
        if mine.error is not None:
            raise mine.error
        return cast(Result, mine.result)

    def _work(self) -> None:
        """Do the waiting changes, then leave the rest to the thread that waits longest."""
        with self._guard:
            now, self._waiting = self._waiting[:AT_ONCE], self._waiting[AT_ONCE:]
        try:
            self._do(now)
        finally:
            for change in now:
                if not change.settled:
                    # The working thread is being ended
                    change.settle(error=ShoplaunchError("database_busy", "the change was broken off"))
            with self._guard:
                self._at_work = bool(self._waiting)
                if self._waiting:
                    self._waiting[0].news.set()

    def _do(self, changes: list[_Pending]) -> None:
        try:
            results = transact(self._engine, lambda connection: [change.work(connection) for change in changes])
        except Exception as error:  # noqa: BLE001 - raised again in the thread that wants the change
            if len(changes) == 1 or refusals.is_one(error):
                for change in changes:
                    change.settle(error=error)
                return
        else:
            for change, result in zip(changes, results, strict=True):
                change.settle(result)
            return
        # One failed, and with it all were rolled back: now each gets a transaction of its own
        for change in changes:
            self._do([change])
