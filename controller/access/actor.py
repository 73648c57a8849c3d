"""Who changes operators and keys: a name in the audit log, and the database the change is made in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import sqlalchemy as sa

from controller.config import Config
from controller.db.connection.clock import DatabaseClock, database_now
from controller.db.connection.engine import make_engine, transact
from controller.db.identities import access
from controller.keys import Keys, load_keys

COMMAND_LINE = "command line"
Result = TypeVar("Result")


@dataclass(frozen=True)
class Actor:
    """An operator, or who has a shell on the controller's machine; `keys` are loaded where they are needed."""

    name: str
    engine: sa.Engine
    keys: Callable[[], Keys]

    def now(self) -> float:
        """Return the database's time in unix seconds."""
        return DatabaseClock(self.engine)()

    def change(self, action: str, about: str, work: Callable[[sa.Connection], Result]) -> Result:
        """Return what `work` returns; its changes and the note of them are one transaction."""

        def noted(connection: sa.Connection) -> Result:
            done = work(connection)
            access.add_audit(connection, database_now(connection), self.name, action, None, about)
            return done

        return transact(self.engine, noted)


def command_line(config: Config) -> Actor:
    """Return the actor of the command line."""
    return Actor(COMMAND_LINE, make_engine(config.database_url), lambda: load_keys(config.keys))
