"""One installation's shared parts: settings, database, keys, panels, billing and clock."""

from __future__ import annotations

import logging
from collections.abc import Callable

import sqlalchemy as sa

from controller.billing.base import Billing
from controller.billing.channels import Way, channels
from controller.db import jobs
from controller.db.connection.clock import Clock, DatabaseClock
from controller.db.connection.engine import reading
from controller.db.identities import api_keys
from controller.db.jobs import Job
from controller.db.machines.servers import Server
from controller.db.migrate import Watch
from controller.jobs.engine import registry
from controller.jobs.engine.port import Hints
from controller.jobs.lifecycle.bundle_store import Bundles
from controller.jobs.lifecycle.step_context import Tools
from controller.jobs.record.tokens import Tokens
from controller.jobs.retention.sweep import SweepContext
from controller.keys import Keys
from controller.panels.base import Panel
from controller.panels.registry import open_panel
from controller.settings.sections import Config
from shared.errors import ShoplaunchError

LOG = logging.getLogger(__name__)


class Installation:
    """One installation. Times are unix seconds of `clock`, by default the database's."""

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
        self.engine = engine
        self.keys = keys
        self.panel_of = panel_of
        self.now: Clock = clock or DatabaseClock(engine)
        self.tables = Watch(engine.url)
        self.bundles = Bundles(config, engine)
        self.tokens = Tokens(keys.tokens, self.now, config.job_hours, lambda: keys.current().tokens)
        #: When this process last looked for duties that are late (controller.jobs.intake.duties).
        self.looked_for_late_at = float("-inf")
        self.hints: Hints = registry.of(config).hints(config)
        #: (source of an order, key that signed it) -> how its people are notified.
        self.billing: Way = channels(config, self.now, self._key_names)
        if billing is not None:
            self.billing = lambda _source, _key: billing

    @property
    def sweep(self) -> SweepContext:
        """What removes what is over."""
        return SweepContext(self.config, self.engine, self.keys, self.now)

    def _key_names(self) -> list[str]:
        with reading(self.engine) as connection:
            return api_keys.names(connection)

    def due(self, job: Job) -> Job:
        """Let a worker look at the job's server; return the job."""
        self.hints.hint(job.server)
        return job

    def due_by_id(self, job_id: str) -> None:
        """As `due`, for a job of which only the id is known."""
        try:
            with reading(self.engine) as connection:
                server = jobs.get(connection, job_id).server
        except ShoplaunchError as error:
            LOG.warning("job %s is found by the next look: %s", job_id, error.message)
        else:
            self.hints.hint(server)

    def tools_for(self, job: Job) -> Tools:
        """Return the tools of this job's steps."""
        return Tools(
            self.config,
            self.engine,
            self.keys,
            self.tokens,
            self.bundles,
            self.billing(job.source, job.signed_by),
            lambda server: self.panel_of(self.config, server),
            self.now,
            job,
        )
