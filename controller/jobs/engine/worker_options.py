"""What an engine gives to its worker besides the database."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from controller.jobs.engine.capacity.own_servers import ALL, OwnServers
from controller.jobs.lifecycle.wakeup import Wakeup


@dataclass(frozen=True)
class WorkerOptions:
    """What a worker may have: `wakeup` lets it check at once when another process made a job due; `own` are the servers
    whose jobs it moves; `is_left` returns whether another version has migrated the database."""

    wakeup: Wakeup | None = None
    own: OwnServers = ALL
    is_left: Callable[[], bool] = lambda: False
