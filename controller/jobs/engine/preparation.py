"""How a job begins: its private values are made and sealed, and its first attempt is counted."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import sqlalchemy as sa

from controller.db import proofs, steps
from controller.db.documents import JobColumns
from controller.db.jobs import Job
from controller.jobs.lifecycle import changes, states
from controller.jobs.lifecycle.step_context import Tools
from controller.jobs.record.sealed_values import sealed
from controller.jobs.shop import shop_secrets, values
from shared.errors import ShoplaunchError
from shared.job import RESTORE

if TYPE_CHECKING:
    from shared.documents import Error

#: Returns the columns that change, within a transaction.
Change = Callable[[sa.Connection, Job], JobColumns]


def begin(tools: Tools, job: Job) -> Change:
    """Return the change that begins the first attempt of a received job. Raises bundle_*."""
    # A follow-up job got its private values when it was created
    keep = private_values(tools) if job.kind == RESTORE else None

    def change(connection: sa.Connection, now_job: Job) -> JobColumns:
        if now_job.state != states.RECEIVED:
            return {}
        columns: JobColumns = {**changes.moved(now_job, "prepare"), "attempt": now_job.attempt + 1}
        return columns if keep is None else columns | keep(connection, now_job)

    return change


def private_values(tools: Tools) -> Change:
    """Make private values; return the change that keeps them, which raises secret_not_unique. Raises bundle_*."""
    manifest = tools.bundles.manifest(tools.bundle)
    private = values.make_private_values(manifest)
    salt = tools.keys.fingerprint_salt
    wanted = values.fingerprinted(manifest, private)
    prints = {name: shop_secrets.fingerprint(salt, value) for name, value in wanted.items()}

    def change(connection: sa.Connection, job: Job) -> JobColumns:
        taken = proofs.claim_fingerprints(connection, job.id, prints)
        if taken is not None:
            raise ShoplaunchError("secret_not_unique", f"{taken} exists in another shop")
        return sealed(tools.keys, private)

    return change


def fail(connection: sa.Connection, job: Job, error: Error, now: float) -> JobColumns:
    """Return the columns of a received job that cannot begin; {} when it is not one any more."""
    if job.state != states.RECEIVED:
        return {}
    steps.update(connection, job.id, "account", state=steps.FAILED, error=error)
    return changes.failed(job, "fail", "account", error, now)
