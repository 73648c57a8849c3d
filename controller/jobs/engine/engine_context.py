"""What an installation gives to its engine, of whatever kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa

from controller.db.connection.clock import Clock
from controller.db.jobs import Job
from controller.jobs.engine.capacity.own_servers import ALL, OwnServers
from controller.jobs.engine.chores_thread import Chores
from controller.jobs.lifecycle.step_context import Tools
from controller.settings.sections import Config


@dataclass(frozen=True)
class EngineContext:
    """What an installation gives to its engine: settings, database, clock, the tools of a job's server; see Worker."""

    config: Config
    database: sa.Engine
    clock: Clock
    tools_for: Callable[[Job], Tools]
    chores: Chores
    #: Called with the reason when the worker cannot go on; None: its process ends.
    end: Callable[[str], None] | None = None
    #: The servers whose jobs the worker moves.
    own: OwnServers = ALL
    #: Returns whether another version has migrated the database: nothing is taken up any more.
    is_left: Callable[[], bool] = lambda: False
