"""The plan of a job as data: steps with their dependencies, their part of the job's life, and their retry delays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from controller.db import steps as step_rows
from controller.db.jobs import Job
from controller.db.steps import OVER, StepRow
from controller.jobs.lifecycle import states
from shared.job import RESTORE

PREPARE, AGENT, FINISH, AFTER = "prepare", "agent", "finish", "after"
#: State -> parts of the plan whose steps run in it.
PARTS: Mapping[str, tuple[str, ...]] = {
    states.PREPARING: (PREPARE,),
    # Cron may have fired before the drop was noted
    states.RESTORING: (PREPARE,),
    states.FINISHING: (PREPARE, FINISH),
    states.LIVE: (AFTER,),
}
#: Seconds before each repetition of a step that failed with a retryable error.
DELAYS = (2, 5, 15, 60)
#: Shorter delays, while a change that may have broken the shop waits for its rollback.
BRIEF = (2, 5, 10)
#: Notifying the client is tried for a day.
PATIENT = (10, 60, 300, 900, *(3600,) * 24)


@dataclass(frozen=True)
class Step:
    """One step; `work` names what controller.jobs.steps.registry runs; None for the agent's step, which runs in the
    account."""

    name: str
    part: str
    needs: tuple[str, ...]
    work: str | None
    delays: tuple[int, ...] = DELAYS
    #: How long a panel, a shop or a mail server may be busy with the step's request, in seconds.
    longest: float = 180.0


PLAN: dict[str, Step] = {
    step.name: step
    for step in (
        Step("account", PREPARE, (), "account", longest=660.0),
        Step("database", PREPARE, ("account",), "database"),
        Step("database_user", PREPARE, ("account",), "database_user"),
        Step("privileges", PREPARE, ("database", "database_user"), "privileges"),
        Step("php", PREPARE, ("account",), "php"),
        Step("drop", PREPARE, ("database", "database_user", "php"), "drop", longest=960.0),
        Step("cron", PREPARE, ("privileges", "drop"), "cron"),
        Step("agent", AGENT, ("cron",), None),
        Step("check", FINISH, ("agent",), "check", longest=960.0),
        Step("tls", FINISH, ("agent",), "tls"),
        Step("notify", AFTER, ("check", "tls"), "notify", PATIENT, longest=360.0),
        Step("unblock", AFTER, ("notify",), "unblock"),
    )
}


#: Steps of follow-up jobs: the agent's needs, and a check of its work from outside.
SMALL: dict[str, Step] = {
    step.name: step
    for step in (
        Step("account", PREPARE, (), "find_account"),
        Step("database_user", PREPARE, ("account",), "database_user"),
        Step("privileges", PREPARE, ("database_user",), "privileges"),
        Step("drop", PREPARE, ("privileges",), "drop", longest=960.0),
        Step("cron", PREPARE, ("drop",), "cron"),
        Step("agent", AGENT, ("cron",), None),
        Step("confirm", FINISH, ("agent",), "confirm", BRIEF, longest=960.0),
        Step("tidy", FINISH, ("confirm",), "tidy"),
    )
}


def of(kind: str) -> Mapping[str, Step]:
    """Return the plan of jobs of `kind`, step by name in order."""
    return PLAN if kind == RESTORE else SMALL


def rows(connection: sa.Connection, job: Job) -> dict[str, StepRow]:
    """Return name -> step of the job; a step that a job stored earlier lacks is waiting."""
    stored = step_rows.of_job(connection, job.id)
    missing = (name for name in of(job.kind) if name not in stored)
    return stored | {name: step_rows.waiting(name) for name in missing}


def following(names: Iterable[str], steps: Mapping[str, Step] = PLAN) -> list[str]:
    """Return `names` and every step that depends on one of them, in the plan's order."""
    found = set(names)
    for step in steps.values():
        if found & set(step.needs):
            found.add(step.name)
    return [name for name in steps if name in found]


def ready(steps: Mapping[str, Step], rows: Mapping[str, StepRow], parts: Iterable[str], now: float) -> list[Step]:
    """Return the steps of `parts` that may run now: not over, not failed, all their dependencies over.

    A `running` step was left by a worker that is gone: the caller holds the job's lease.
    """
    found = []
    for step in steps.values():
        row = rows[step.name]
        if step.work is None or step.part not in tuple(parts) or row.state not in ("waiting", "running"):
            continue
        if (row.not_before or 0) <= now and all(rows[name].state in OVER for name in step.needs):
            found.append(step)
    return found


def all_over(steps: Mapping[str, Step], rows: Mapping[str, StepRow], part: str) -> bool:
    """Tell whether every step of `part` is done or skipped."""
    return all(rows[step.name].state in OVER for step in steps.values() if step.part == part)


def first_open(steps: Mapping[str, Step], rows: Mapping[str, StepRow]) -> str | None:
    """Return the first step that is not over, None when all are."""
    return next((name for name in steps if rows[name].state not in OVER), None)
