"""An installation's service: one interface for each kind of caller, all on the same settings, database and keys."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa

from controller.access import key_possession
from controller.access.door import Access
from controller.billing.base import Billing
from controller.config import Config
from controller.db.connection import same_file
from controller.db.connection.clock import Clock
from controller.db.connection.engine import make_engine
from controller.db.migrate import revisions
from controller.db.servers import Server
from controller.jobs.intake.doors.agents import Agents
from controller.jobs.intake.doors.clients import Clients
from controller.jobs.intake.doors.jobs import Jobs
from controller.jobs.intake.doors.monitoring import Monitoring
from controller.jobs.intake.doors.orders import Orders
from controller.jobs.intake.installation import Installation
from controller.keys import Keys, load_keys
from controller.panels.base import Panel
from controller.panels.registry import open_panel
from shared.errors import ShoplaunchError


class Service:
    """The interfaces. Pages and commands use only these; `installation` is for code that sets an installation up."""

    def __init__(
        self,
        config: Config,
        engine: sa.Engine,
        keys: Keys,
        *,
        panel_of: Callable[[Config, Server], Panel] = open_panel,
        billing: Billing | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.config = config
        self.installation = Installation(config, engine, keys, panel_of=panel_of, billing=billing, clock=clock)
        #: Returns this service's time in unix seconds.
        self.now = self.installation.now
        self.orders = Orders(self.installation)
        self.jobs = Jobs(self.installation)
        self.clients = Clients(self.installation)
        self.agents = Agents(self.installation)
        self.monitoring = Monitoring(self.installation)
        self.access = Access(engine, keys, self.now)


def open_service(config: Config) -> Service:
    """Return the installation's service. Raises not_initialised, config_invalid, database_busy, keys_lost."""
    keys = load_keys(config.keys)
    engine = make_engine(config.database_url)
    require_tables(engine)
    key_possession.require_own(engine, keys)
    return Service(config, engine, keys)


def require_tables(engine: sa.Engine) -> None:
    """Raise database_busy when the database does not answer, not_initialised when it has another version."""
    revision, newest = revisions(engine)
    if revision is None and same_file.is_missing(engine.url):
        raise ShoplaunchError("not_initialised", f"there is no file {engine.url.database}; is its disk mounted?")
    if revision != newest:
        raise ShoplaunchError("not_initialised", "the database lacks this version's tables")


def require_ready(config: Config) -> None:
    """Raise what `open_service` would, leaving no connection open."""
    open_service(config).installation.engine.dispose()
