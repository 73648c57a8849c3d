"""Queries on a job's steps."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import sqlalchemy as sa

from controller.db.tables import steps

WAITING, RUNNING, DONE, FAILED, SKIPPED = "waiting", "running", "done", "failed", "skipped"
OVER = (DONE, SKIPPED)


@dataclass(frozen=True)
class StepRow:
    """How one step of a job is; times are unix seconds."""

    name: str
    state: str
    attempts: int
    failures: int
    started_at: float | None
    finished_at: float | None
    not_before: float | None
    error: Mapping[str, Any] | None
    note: str


_COLUMNS = [steps.c[one.name] for one in fields(StepRow)]


def insert(connection: sa.Connection, job_id: str, names: Iterable[str]) -> None:
    """Add the job's steps, all waiting."""
    connection.execute(sa.insert(steps), [{"job": job_id, "name": name, "state": WAITING} for name in names])


def of_job(connection: sa.Connection, job_id: str) -> dict[str, StepRow]:
    """Return name -> step."""
    rows = [dict(row._mapping) for row in connection.execute(sa.select(*_COLUMNS).where(steps.c.job == job_id))]
    for row in rows:
        row["error"] = None if row["error"] is None else json.loads(row["error"])
    return {row["name"]: StepRow(**row) for row in rows}


def update(connection: sa.Connection, job_id: str, name: str, **values: Any) -> None:
    """Change a step."""
    if values.get("error") is not None:
        values["error"] = json.dumps(values["error"], sort_keys=True)
    connection.execute(sa.update(steps).where(steps.c.job == job_id, steps.c.name == name).values(**values))


def reset(connection: sa.Connection, job_id: str, names: Iterable[str]) -> None:
    """These steps wait to be run (again); how often they ran is kept."""
    values: dict[str, Any] = {"state": WAITING, "failures": 0, "not_before": None, "error": None, "note": ""}
    values |= {"started_at": None, "finished_at": None}
    connection.execute(sa.update(steps).where(steps.c.job == job_id, steps.c.name.in_(list(names))).values(**values))
