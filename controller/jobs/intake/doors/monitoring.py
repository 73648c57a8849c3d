"""What needs attention: the installation's health, undelivered alarms, servers that refused the controller's login."""

from __future__ import annotations

from controller.db.connection.engine import reading
from controller.db.machines import breakers, servers
from controller.db.machines.breakers import Breaker
from controller.db.machines.servers import Server
from controller.jobs.engine.monitoring import alarms, status
from controller.jobs.engine.monitoring.health import Health, Readiness
from controller.jobs.engine.monitoring.status import EngineStatus
from controller.jobs.intake.doors import MANY
from controller.jobs.intake.installation import Installation


class Monitoring:
    """The state of the installation for people and monitoring."""

    def __init__(self, installation: Installation) -> None:
        self._engine = installation.engine
        self._clock = installation.now
        self._kind = installation.config.engine.kind
        self._tables = installation.tables
        self._readiness = Readiness(installation.engine, installation.now)

    def require_own_tables(self) -> None:
        """Raise database_newer or not_initialised where another version has migrated the database since."""
        self._tables.require()

    def health(self) -> Health:
        """Return the installation's health, at most a few seconds old."""
        return self._readiness.current()

    def known_health(self) -> Health | None:
        """Return the last known health, None when it is too old; no query is made."""
        return self._readiness.known()

    def undelivered_alarms(self, limit: int = MANY) -> list[dict[str, object]]:
        """Return undelivered alarms of jobs; see controller.jobs.engine.monitoring.alarms.undelivered."""
        return alarms.undelivered(self._engine, limit)

    def list_servers(self) -> list[Server]:
        """Return the servers by name. Raises database_busy."""
        with reading(self._engine) as connection:
            return servers.listed(connection)

    def breakers(self) -> dict[str, Breaker]:
        """Return server -> breaker of those whose breaker is open. Raises database_busy."""
        with reading(self._engine) as connection:
            return breakers.opened(connection)

    def work_status(self) -> EngineStatus:
        """Return the engine's workers, slots, breakers and due jobs. Raises database_busy."""
        return status.examine(self._engine, self._clock, self._kind)
