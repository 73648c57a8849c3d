"""An installation's service: one interface for each kind of caller, all on the same settings, database and keys."""

from __future__ import annotations

from controller.access import key_possession
from controller.access.door import Access
from controller.db.connection.engine import make_engine
from controller.db.migrate import require_current
from controller.jobs.intake.doors.agents import Agents
from controller.jobs.intake.doors.clients import Clients
from controller.jobs.intake.doors.jobs import Jobs
from controller.jobs.intake.doors.monitoring import Monitoring
from controller.jobs.intake.doors.orders import Orders
from controller.jobs.intake.doors.retention import Retention
from controller.jobs.intake.installation import Installation
from controller.keys import load_keys
from controller.settings.sections import Config


class Service:
    """The interfaces. Pages and commands use only these; `installation` is for code that sets an installation up."""

    def __init__(self, installation: Installation) -> None:
        self.config = installation.config
        self.installation = installation
        #: Returns this service's time in unix seconds.
        self.now = installation.now
        self.orders = Orders(installation)
        self.jobs = Jobs(installation)
        self.clients = Clients(installation)
        self.agents = Agents(installation)
        self.monitoring = Monitoring(installation)
        self.retention = Retention(installation)
        self.access = Access(installation.engine, installation.keys, self.now)


def open_service(config: Config) -> Service:
    """Return the installation's service. Raises not_initialised, config_invalid, database_busy, database_newer,
    keys_lost."""
    keys = load_keys(config.keys)
    engine = make_engine(config.database_url)
    require_current(engine)
    key_possession.require_own(engine, keys)
    return Service(Installation(config, engine, keys))


def require_ready(config: Config) -> None:
    """Raise what `open_service` would, leaving no connection open."""
    open_service(config).installation.engine.dispose()
