"""Queries on a job's steps."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Unpack

import sqlalchemy as sa

from controller.db.documents import StepColumns
from controller.db.tables import steps

if TYPE_CHECKING:
    from shared.documents import Error

WAITING, RUNNING, DONE, FAILED, SKIPPED = "waiting", "running", "done", "failed", "skipped"
OVER = (DONE, SKIPPED)
#: Jobs per query; databases limit the number of bound values.
AT_ONCE = 500


@dataclass(frozen=True)
class StepRow:
    """The state of one step of a job; times are unix seconds."""

    name: str
    state: str
    attempts: int
    failures: int
    started_at: float | None
    finished_at: float | None
    not_before: float | None
    error: Error | None
    note: str


_NAMES = [one.name for one in fields(StepRow)]
_COLUMNS = [steps.c[name] for name in _NAMES]
_OF_JOB = sa.select(*_COLUMNS).where(steps.c.job == sa.bindparam("job"))

_CHANGE = sa.update(steps).where(steps.c.job == sa.bindparam("same_job"), steps.c.name == sa.bindparam("same_name"))


def waiting(name: str) -> StepRow:
    """Return the row of a step that was never run."""
    return StepRow(name, WAITING, 0, 0, None, None, None, None, "")


def insert(connection: sa.Connection, job_id: str, names: Iterable[str]) -> None:
    """Add the job's steps, all waiting."""
    connection.execute(sa.insert(steps), [{"job": job_id, "name": name, "state": WAITING} for name in names])


def of_job(connection: sa.Connection, job_id: str) -> dict[str, StepRow]:
    """Return name -> step."""
    return {row.name: _step(row) for row in connection.execute(_OF_JOB, {"job": job_id})}


def bring_back(connection: sa.Connection, job_id: str, far: float, now: float) -> None:
    """Make steps of the job that wait until later than `far` due at `now`."""
    query = sa.update(steps).where(steps.c.job == job_id, steps.c.not_before > far)
    connection.execute(query.values(not_before=now))


def of_jobs(connection: sa.Connection, job_ids: Sequence[str]) -> dict[str, dict[str, StepRow]]:
    """Return job -> name -> step of several jobs."""
    found: dict[str, dict[str, StepRow]] = {job_id: {} for job_id in job_ids}
    for first in range(0, len(job_ids), AT_ONCE):
        some = steps.c.job.in_(job_ids[first : first + AT_ONCE])
        for row in connection.execute(sa.select(steps.c.job, *_COLUMNS).where(some)):
            found[row.job][row.name] = _step(row)
    return found


def _step(row: sa.Row[Any]) -> StepRow:
    values = {name: row._mapping[name] for name in _NAMES}
    values["error"] = None if values["error"] is None else json.loads(values["error"])
    return StepRow(**values)


def begun(row: StepRow, now: float) -> StepRow:
    """Return the step as it begins another run."""
    return replace(row, state=RUNNING, attempts=row.attempts + 1, started_at=now, finished_at=None)


def write(connection: sa.Connection, job_id: str, before: Mapping[str, StepRow], after: Mapping[str, StepRow]) -> None:
    """Write those of the steps `after` that were not so `before`, in one statement; a step that a job stored earlier
    lacks gets its row. The caller holds the job's row, and has read the steps as of that."""
    changed = {name: row for name, row in after.items() if row != before[name]}
    if not changed:
        return
    differ = [
        column.name for column in _COLUMNS
        if any(getattr(row, column.name) != getattr(before[name], column.name) for name, row in changed.items())
    ]  # fmt: skip
    stored = [_stored(row) for row in changed.values()]
    alike = [name for name in differ if len({row[name] for row in stored}) == 1]
    query = _writing(len(changed), tuple(differ), tuple(alike))
    values: dict[str, object] = {"same_job": job_id, **{f"same_{at}": name for at, name in enumerate(changed)}}
    for name in differ:
        some = stored[:1] if name in alike else stored
        values |= {f"new_{name}_{at}": row[name] for at, row in enumerate(some)}
    if connection.execute(query, values).rowcount < len(changed):
        known = of_job(connection, job_id)
        insert(connection, job_id, [name for name in changed if name not in known])
        connection.execute(query, values)


def _stored(row: StepRow) -> dict[str, object]:
    """Return the step's columns as they are stored."""
    error = None if row.error is None else json.dumps(row.error, sort_keys=True)
    return {**{name: getattr(row, name) for name in _NAMES}, "error": error}


@lru_cache(maxsize=256)
def _writing(number: int, differ: Sequence[str], alike: Collection[str]) -> sa.Update:
    """Return the statement that writes the columns `differ` of so many steps, of which those `alike` get one value.
    Few kinds are needed, and to build one takes as long as to carry it out."""
    names = [sa.bindparam(f"same_{at}", type_=steps.c.name.type) for at in range(number)]
    query = sa.update(steps).where(steps.c.job == sa.bindparam("same_job"), steps.c.name.in_(names))
    return query.values({name: _new(steps.c[name], names, is_one=name in alike) for name in differ})


def _new(
    column: sa.Column[object], names: Sequence[sa.BindParameter[str]], *, is_one: bool
) -> sa.ColumnElement[object]:
    """Return what the column becomes in each of the rows."""
    values = [sa.bindparam(f"new_{column.name}_{at}", type_=column.type) for at in range(len(names))]
    if is_one:
        return values[0]
    return sa.case(*((steps.c.name == name, value) for name, value in zip(names, values, strict=True)), else_=column)


def update(connection: sa.Connection, job_id: str, name: str, **columns: Unpack[StepColumns]) -> None:
    """Change a step; a step that a job stored earlier lacks gets its row."""
    values: dict[str, object] = {**columns, "same_job": job_id, "same_name": name}
    if columns.get("error") is not None:
        values["error"] = json.dumps(columns["error"], sort_keys=True)
    if not connection.execute(_CHANGE, values).rowcount:
        insert(connection, job_id, [name])
        connection.execute(_CHANGE, values)


def reset(connection: sa.Connection, job_id: str, names: Iterable[str]) -> None:
    """Let these steps wait to be run (again); their number of runs stays."""
    values: dict[str, object] = {"state": WAITING, "failures": 0, "not_before": None, "error": None, "note": ""}
    values |= {"started_at": None, "finished_at": None}
    connection.execute(sa.update(steps).where(steps.c.job == job_id, steps.c.name.in_(list(names))).values(**values))
