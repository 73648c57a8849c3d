"""Retention: what is removed in time and when, at once on request, and a client's data erased."""

from __future__ import annotations

from collections.abc import Callable

from controller.db.identities.access import Note
from controller.db.jobs import Job
from controller.jobs.intake.installation import Installation
from controller.jobs.retention import forget, sweep
from controller.jobs.retention.forget import Forgotten
from controller.jobs.retention.sweep import Due, Swept


class Retention:
    """How long what is kept. Every method raises ShoplaunchError."""

    def __init__(self, installation: Installation) -> None:
        self._means = installation.sweep

    def outlook(self) -> list[Due]:
        """Return what would go now, of each kind; see controller.jobs.retention.sweep.outlook."""
        return sweep.outlook(self._means)

    def run(self, move: Callable[[], None] = lambda: None) -> Swept:
        """Remove everything that is over; see controller.jobs.retention.sweep.run."""
        return sweep.run(self._means, None, move)

    def service_named(self, given: str) -> tuple[str, str]:
        """Return (key, service) of KEY/SERVICE or of a job's id. Raises job_unknown."""
        return forget.named(self._means, given)

    def require_forgettable(self, signed_by: str, service_id: str) -> list[Job]:
        """Return the jobs that `forget` would erase. Raises service_unknown, job_under_way."""
        return forget.require(self._means, signed_by, service_id)

    def forget(self, signed_by: str, service_id: str, note: Note) -> Forgotten:
        """Erase what is stored of the service; see controller.jobs.retention.forget.forget."""
        return forget.forget(self._means, signed_by, service_id, note)
