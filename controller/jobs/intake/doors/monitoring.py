"""What needs somebody: the installation's health, alarms that nobody got, servers that lock us out."""

from __future__ import annotations

from typing import Any

from controller.db import servers
from controller.db.connection.engine import reading
from controller.db.servers import Server
from controller.jobs.engine import alarms
from controller.jobs.engine.health import Health, Readiness
from controller.jobs.intake.doors import MANY
from controller.jobs.intake.installation import Installation


class Monitoring:
    """The state of the installation as people and machines watch it."""

    def __init__(self, installation: Installation) -> None:
        self._engine = installation.engine
        self._readiness = Readiness(installation.engine, installation.now)

    def health(self) -> Health:
        """Return how the installation is, or was a few seconds ago."""
        return self._readiness.current()

    def known_health(self) -> Health | None:
        """Return what was last looked at for others, None when that is long ago; nothing is asked."""
        return self._readiness.known()

    def undelivered_alarms(self, limit: int = MANY) -> list[dict[str, Any]]:
        """Return the alarms of jobs that are not delivered; see controller.jobs.engine.alarms.undelivered."""
        return alarms.undelivered(self._engine, limit)

    def list_servers(self) -> list[Server]:
        """Return the servers by name. Raises database_busy."""
        with reading(self._engine) as connection:
            return servers.listed(connection)
