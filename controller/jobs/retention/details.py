"""A finished job without its details: its steps, its agent's progress, facts of its attempts, parts of its bundle."""

from __future__ import annotations

import json
from dataclasses import replace

import sqlalchemy as sa

from controller.db import facts, jobs
from controller.db.documents import JobColumns, KeptOrder
from controller.db.facts import Facts
from controller.db.jobs import Job, admin_folder
from controller.db.tables import follow_up_parts
from controller.db.upkeep import retention
from shared.encoding import canonical_json, sha256_hex
from shared.job import RESTORE

#: Steps that stay: the cron line's interval is asked for by later jobs of the server; a cancelled job whose agent was
#: done may not be begun again.
KEPT_STEPS = ("cron", "agent")


def remove(connection: sa.Connection, job: Job, now: float) -> int:
    """Remove the details of the job, whose row is locked and which is over; return how many rows that were."""
    gone = retention.remove_steps(connection, job.id, KEPT_STEPS)
    columns: JobColumns = {"progress": {}, **facts.column(lasting(facts.of(job))), "pruned_at": now}
    columns["updated_at"] = job.updated_at
    if job.kind == RESTORE:
        columns |= _shared(connection, job)
    else:
        columns |= {"later": None, "order": variant(job)}
    jobs.update(connection, job, now, **columns)
    return gone + 1


def lasting(found: Facts) -> Facts:
    """Return the facts without those that only the agent's attempts needed."""
    return replace(
        found, put_sha256=None, start_prepared=None, trouble=None, seen_at=0.0, looked_at=0.0, look_failures=0,
        look_at=0.0, blocked_at=0.0, state_updated_at=None, cleaned=False, looked_early=False, alarm_problem=None,
    )  # fmt: skip


def variant(job: Job) -> KeptOrder:
    """Return what is shown of the job's order."""
    return {"variant": job.order["variant"]} if "variant" in job.order else {}


def _shared(connection: sa.Connection, job: Job) -> JobColumns:
    """Return the columns of a job that shares what its follow-up jobs need with others of the same bundle."""
    if job.later is None or job.parts is not None or job.later.get("admin_folder") != admin_folder(job.facts):
        return {}
    common = {name: value for name, value in job.later.items() if name != "admin_folder"}
    digest = sha256_hex(canonical_json(common))
    known = sa.select(follow_up_parts.c.digest).where(follow_up_parts.c.digest == digest)
    if connection.execute(known).first() is None:
        row = {"digest": digest, "content": json.dumps(common, sort_keys=True)}
        connection.execute(sa.insert(follow_up_parts).values(**row))
    return {"later": None, "parts": digest}
