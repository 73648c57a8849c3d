"""The actor that changes operators and keys: a name in the audit log, and the database of the change."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa

from controller.access.restores import kept_out
from controller.db.connection.clock import DatabaseClock, database_now
from controller.db.connection.engine import make_engine, transact
from controller.db.identities import access
from controller.db.migrate import require_current
from controller.keys import Keys, load_keys
from controller.settings.sections import Config

COMMAND_LINE = "command line"
Result = TypeVar("Result")


@dataclass(frozen=True)
class Actor:
    """An operator, or a user with a shell on the controller's machine; `keys` are loaded on first use."""

    name: str
    engine: sa.Engine
    keys: Callable[[], Keys]
    #: The installation's folder, where a restore might come meanwhile: none does while a web server runs.
    home: Path | None = None

    def now(self) -> float:
        """Return the database's time in unix seconds."""
        return DatabaseClock(self.engine)()

    def change(self, action: str, about: str, work: Callable[[sa.Connection], Result]) -> Result:
        """Return the result of `work`; its changes and their audit entry are one transaction.

        Raises what `work` raises, and restore_running.
        """

        def noted(connection: sa.Connection) -> Result:
            done = work(connection)
            access.add_audit(connection, database_now(connection), self.name, action, None, about)
            return done

        with nullcontext() if self.home is None else kept_out(self.home):
            return transact(self.engine, noted)


def command_line(config: Config) -> Actor:
    """Return the actor of the command line. Raises not_initialised and database_newer for another version's tables:
    this version's commands would miss, or spoil, what is in them."""
    engine = make_engine(config.database_url)
    require_current(engine)
    return Actor(COMMAND_LINE, engine, lambda: load_keys(config.keys), config.home)
