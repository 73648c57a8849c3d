"""The registry of engines: `kind` of section [engine] -> how its hints and its workers are made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from controller.config import Config
from controller.db.connection.clock import Clock
from controller.db.jobs import Job
from controller.jobs.engine.port import Engine, Hints
from controller.jobs.engine.worker import Chores, Worker
from controller.jobs.lifecycle.step_context import Tools
from controller.jobs.lifecycle.wakeup import Wakeup
from shared.errors import ShoplaunchError


@dataclass(frozen=True)
class Parts:
    """What an installation gives to its engine: settings, database, clock, the tools of a job's server; see Worker."""

    config: Config
    database: sa.Engine
    clock: Clock
    tools_for: Callable[[Job], Tools]
    chores: Chores
    #: Called with the reason when the worker cannot go on; None: its process ends.
    end: Callable[[str], None] | None = None


@dataclass(frozen=True)
class Kind:
    """A kind of engine. Processes without a worker make only its hints."""

    name: str
    hints: Callable[[Config], Hints]
    engine: Callable[[Parts], Engine]


def _embedded(parts: Parts) -> Engine:
    wakeup = Wakeup(parts.config.wakeups)
    return Worker(parts.database, parts.tools_for, parts.clock, parts.chores, parts.end, wakeup)


KINDS: Mapping[str, Kind] = {
    kind.name: kind for kind in (Kind("embedded", lambda config: Wakeup(config.wakeups), _embedded),)
}


def of(config: Config) -> Kind:
    """Return the kind of engine that is set up. Raises config_invalid for one that does not exist."""
    kind = KINDS.get(config.engine.kind)
    if kind is None:
        known = ", ".join(f'"{name}"' for name in KINDS)
        raise ShoplaunchError("config_invalid", f"[engine] kind must be one of {known}")
    return kind
