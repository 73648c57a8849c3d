"""The servers whose jobs a worker moves: its own, without those whose accounts live on another machine."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Iterable, Sequence

import sqlalchemy as sa

from controller.db.connection.engine import reading
from controller.db.due import DueServer
from controller.db.machines import servers
from controller.db.machines.servers import Server
from controller.jobs.engine.capacity.own_servers import OwnServers
from controller.jobs.lifecycle import due_hint
from controller.panels.registry import elsewhere, is_unbound
from shared.errors import ShoplaunchError

LOG = logging.getLogger(__name__)
#: Between two looks at the servers: one that an operator moves is left alone, or taken, so soon.
LOOK_SECONDS = 10.0


class ServersHere:
    """Of the servers `own`, those that a worker of this machine may touch; a name that no server has is one of them."""

    def __init__(self, engine: sa.Engine, own: OwnServers) -> None:
        self._engine = engine
        self._own = own
        self._known: frozenset[str] = frozenset()
        self._elsewhere: frozenset[str] = frozenset()
        self._look_at = 0.0
        self._said: set[str] = set()

    @property
    def text(self) -> str:
        """The worker's own servers as people read them; "" for every server."""
        return self._own.text

    def __contains__(self, server: str) -> bool:
        """Return whether jobs of the server are moved here; not while that cannot be found out."""
        if server not in self._own:
            return False
        if server not in self._known:
            # It may have been added since
            self._look_at = 0.0
            if not self.look():
                return False
            self._known |= {server}
        return server not in self._elsewhere

    def leaves(self, server: str) -> bool:
        """Return whether the server is known to be another worker's. Asks nobody."""
        return server not in self._own or server in self._elsewhere

    def among(self, found: Sequence[DueServer], hinted: Collection[str]) -> list[DueServer]:
        """Return those of the servers whose jobs are moved here; while that cannot be found out of one, its hint waits
        for the next round."""
        own = [one for one in found if one.server in self]
        doubtful = {one.server for one in found if one.server in self._own and one.server not in self._known}
        due_hint.give_back(doubtful & set(hinted))
        return own

    def look(self) -> bool:
        """Now and then: look where the servers' accounts live, and log once which are left alone. Return False where
        the database did not answer."""
        if time.monotonic() < self._look_at:
            return True
        try:
            with reading(self._engine) as connection:
                rows = servers.listed(connection)
        except ShoplaunchError as error:
            LOG.warning("%s: %s", error.code, error.message)
            return False
        self._elsewhere = frozenset(row.name for row in rows if elsewhere(row) is not None)
        self._known = frozenset(row.name for row in rows)
        self._look_at = time.monotonic() + LOOK_SECONDS
        self._say(row for row in rows if row.name in self._own)
        return True

    def _say(self, rows: Iterable[Server]) -> None:
        for row in rows:
            other = elsewhere(row)
            if row.name in self._said:
                continue
            if other is not None:
                self._said.add(row.name)
                LOG.warning(
                    "the accounts of %s live on the machine %s: its jobs are left to the worker there; where they live "
                    "on this one by now, run here: shoplaunch server set %s --here",
                    *(row.name, other.host, row.name),
                )
            elif is_unbound(row) and self._engine.dialect.name != "sqlite":
                self._said.add(row.name)
                LOG.warning(
                    "on which machine the accounts of %s live is not noted: workers of every machine take its jobs; "
                    "run there: shoplaunch server set %s --here",
                    *(row.name, row.name),
                )
