"""Jobs: read, retried, cancelled, followed up, certified and moved on."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from controller.db import jobs
from controller.db.connection.engine import reading
from controller.db.identities.access import Note
from controller.db.jobs import Job
from controller.jobs.engine import registry
from controller.jobs.engine.capacity.own_servers import ALL, OwnServers
from controller.jobs.engine.engine_context import EngineContext
from controller.jobs.engine.operations import follow_up, interventions
from controller.jobs.engine.port import Engine
from controller.jobs.intake import chores, follow_ups, view
from controller.jobs.intake.doors import MANY
from controller.jobs.intake.installation import Installation
from controller.jobs.lifecycle import expectation
from controller.jobs.shop import certificate

if TYPE_CHECKING:
    from shared.documents import AgentView, Certificate, ServiceStatus


class Jobs:
    """The installation's jobs. Every method raises ShoplaunchError."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation

    def get(self, job_id: str) -> Job:
        """Return the job. Raises job_unknown."""
        with reading(self._installation.engine) as connection:
            return jobs.get(connection, job_id)

    def listed(self, state: str | None = None, limit: int = MANY, offset: int = 0) -> list[Job]:
        """Return jobs, the last changed first."""
        with reading(self._installation.engine) as connection:
            return jobs.listed(connection, state, limit, offset)

    def counts(self) -> dict[str, int]:
        """Return state -> number of jobs."""
        with reading(self._installation.engine) as connection:
            return jobs.counts(connection)

    def status(self, job: Job) -> ServiceStatus:
        """Return the document of shared/schemas/service.json."""
        return self.statuses([job])[0]

    def statuses(self, many: Sequence[Job]) -> list[ServiceStatus]:
        """Return the documents of shared/schemas/service.json of several jobs."""
        return view.statuses(self._installation, many)

    def agent_view(self, job: Job) -> AgentView:
        """Return how the job's agent does."""
        return view.agent(job, self._installation.now())

    def seconds_left(self, job: Job) -> float | None:
        """Return how many seconds the shop still takes, None where that is unknown."""
        return expectation.left(self._installation.engine, job, self._installation.now())

    def retry(self, job_id: str, step: str | None = None, note: Note | None = None) -> Job:
        """Retry the failed step; see controller.jobs.engine.operations.interventions.retry."""
        own = self._installation
        return own.due(interventions.retry(own.engine, own.keys, job_id, step, own.now(), note))

    def cancel(self, job_id: str, note: Note | None = None) -> Job:
        """Cancel the job; see controller.jobs.engine.operations.interventions.cancel."""
        own = self._installation
        return own.due(interventions.cancel(own.engine, job_id, own.now(), note))

    def undo_cancel(self, job_id: str, note: Note | None = None) -> Job:
        """Undo the cancellation; see controller.jobs.engine.operations.interventions.undo_cancel."""
        own = self._installation
        return own.due(interventions.undo_cancel(own.engine, job_id, own.now(), note))

    def start_follow_up(self, parent_id: str, kind: str, given: Mapping[str, str], note: Note | None = None) -> Job:
        """Return the open follow-up job of `kind` on the shop of job `parent_id`; see follow_ups.start."""
        return follow_ups.start(self._installation, parent_id, kind, given, note)

    def require_follow_up(self, parent: Job, kind: str) -> None:
        """Raise unless the shop of `parent` takes a follow-up job of `kind`; see engine.operations.follow_up."""
        follow_up.require(self._installation.engine, parent, kind)

    def follow_ups(self, job_id: str) -> list[Job]:
        """Return the follow-up jobs on the shop of job `job_id`, newest first."""
        with reading(self._installation.engine) as connection:
            return jobs.follow_ups(connection, job_id, shows=True)

    def certificate(self, job_id: str) -> Certificate:
        """Return the birth certificate's content, its signature checked. Raises certificate_missing, job_unknown."""
        return self.read_certificate(self.signed_certificate(job_id))

    def signed_certificate(self, job_id: str) -> str:
        """Return the birth certificate as it was signed. Raises certificate_missing, job_unknown."""
        return certificate.kept(self._installation.engine, self.get(job_id))

    def read_certificate(self, signed: str) -> Certificate:
        """Return the content of a birth certificate that this installation signed. Raises certificate_missing."""
        return certificate.read_own(signed, self._installation.keys)

    def worker(self, end: Callable[[str], None] | None = None, servers: OwnServers = ALL) -> Engine:
        """Return a worker of this installation, of the kind it is set up for, for all servers or those of `servers`.

        For `end` see EngineContext.
        """
        own = self._installation
        do_chores = functools.partial(chores.run, own)
        is_left = own.tables.is_left
        context = EngineContext(own.config, own.engine, own.now, own.tools_for, do_chores, end, servers, is_left)
        return registry.of(own.config).engine(context)
