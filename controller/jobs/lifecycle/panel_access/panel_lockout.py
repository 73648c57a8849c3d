"""Jobs of a server that refused the controller's login: they wait until it is unlocked, with one alarm for all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from controller.db.documents import JobColumns
from controller.db.jobs import Job
from controller.db.machines import servers

if TYPE_CHECKING:
    from shared.documents import Error

CODE = "panel_auth_failed"
#: How often a waiting job checks whether the server may be called again; that needs no network.
WAIT_SECONDS = 30.0


def noted(connection: sa.Connection, job: Job, error: Error, now: float) -> JobColumns:
    """Return the columns of a job on a locked server: the first one raises the alarm, the others only wait."""
    columns: JobColumns = {"error": error}
    if servers.claim_lock_alarm(connection, job.server, job.id, now):
        columns["alarm"] = "wanted"
    return columns
