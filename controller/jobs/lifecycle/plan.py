"""The registry of steps: a job's plan as data, each step with its dependencies, its part of the job's life, its words.

A new step is one entry here, and the module of `controller/jobs/steps/` that its `work` names; worker, pages and
command line read the entry. Jobs stored earlier have no row of it: there it waits. Its label is in English; the Persian
one stands in `controller/web/translations/`, and a test names what is missing there.
"""

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
#: A request to a panel is over after so long, but for what takes minutes by its nature.
SETTLED = 5.0
#: Notifying the client is tried for a day.
PATIENT = (10, 60, 300, 900, *(3600,) * 24)


@dataclass(frozen=True)
class Step:
    """One step; `work` is the module of controller.jobs.steps whose `run` does it, or MODULE.FUNCTION; None for the
    agent's step, which runs in the account."""

    name: str
    #: The name for operators, in English.
    label: str
    part: str
    needs: tuple[str, ...]
    work: str | None
    delays: tuple[int, ...] = DELAYS
    #: How long a panel, a shop or a mail server may be busy with the step's request, in seconds.
    longest: float = 180.0
    #: When others may go on after its worker was killed, in seconds: its requests are short, and what they did is
    #: looked at before any is made again. None: only when the job's lease is over.
    settles: float | None = None
    #: Whether it reads nothing in the account: then its errors are mailed in the panel's words. Other errors may quote
    #: text of the account's owner.
    is_quotable: bool = False
    #: Whether it is done for the client alone, and so not for a shop that is gone.
    for_client: bool = False
    #: Whether it does nothing but note something: it begins and ends where those before it are noted.
    only_notes: bool = False

    @property
    def outlasts(self) -> float:
        """How long its requests may go on once its worker is gone, in seconds; what only looks leaves nothing behind
        that others would have to wait for, however its worker ended."""
        return 0.0 if self.settles == 0.0 else self.longest


def _by_name(*steps: Step) -> dict[str, Step]:
    return {step.name: step for step in steps}


PLAN: dict[str, Step] = _by_name(
    Step("account", "Hosting account", PREPARE, (), "account", longest=660.0, settles=SETTLED, is_quotable=True),
    Step("database", "Database", PREPARE, ("account",), "database", settles=SETTLED, is_quotable=True),
    Step("database_user", "Database user", PREPARE, ("account",), "database_user", settles=SETTLED, is_quotable=True),
    Step(
        "privileges",
        "Privileges",
        PREPARE,
        ("database", "database_user"),
        "privileges",
        settles=SETTLED,
        is_quotable=True,
    ),
    Step("php", "PHP", PREPARE, ("account",), "php", settles=SETTLED, is_quotable=True),
    Step(
        "drop",
        "Agent and job file",
        PREPARE,
        ("database", "database_user", "php"),
        "drop",
        longest=960.0,
        settles=SETTLED,
    ),
    Step("cron", "Cron line", PREPARE, ("privileges", "drop"), "cron", settles=SETTLED),
    Step("agent", "Agent", AGENT, ("cron",), None),
    Step("check", "Visit the shop", FINISH, ("agent",), "check", longest=960.0, settles=0.0),
    Step("tls", "TLS certificate", FINISH, ("agent",), "tls", settles=0.0),
    Step("notify", "Notify the client", AFTER, ("check", "tls"), "notify", PATIENT, longest=360.0, for_client=True),
    Step("unblock", "Unblock the service", AFTER, ("notify",), "unblock", for_client=True, only_notes=True),
)


#: Steps of follow-up jobs: the agent's needs, and a check of its work from outside.
FOLLOW_UP_PLAN: dict[str, Step] = _by_name(
    Step("account", "Hosting account", PREPARE, (), "account.find", settles=0.0, is_quotable=True),
    Step("database_user", "Database user", PREPARE, ("account",), "database_user", settles=SETTLED, is_quotable=True),
    Step("privileges", "Privileges", PREPARE, ("database_user",), "privileges", settles=SETTLED, is_quotable=True),
    Step("drop", "Agent and job file", PREPARE, ("privileges",), "drop", longest=960.0, settles=SETTLED),
    Step("cron", "Cron line", PREPARE, ("drop",), "cron", settles=SETTLED),
    Step("agent", "Agent", AGENT, ("cron",), None),
    Step("confirm", "Check from outside", FINISH, ("agent",), "confirm", BRIEF, longest=960.0),
    Step("tidy", "Remove the database user", FINISH, ("confirm",), "tidy"),
)


def of(kind: str) -> Mapping[str, Step]:
    """Return the plan of jobs of `kind`, step by name in order."""
    return PLAN if kind == RESTORE else FOLLOW_UP_PLAN


def named(name: str) -> Step | None:
    """Return the step of that name in whichever plan, None when there is none."""
    return PLAN.get(name) or FOLLOW_UP_PLAN.get(name)


def is_quotable(name: str | None) -> bool:
    """Return whether errors of the step `name` are mailed as they are."""
    step = named(name or "")
    return step is not None and step.is_quotable


def first(kind: str, part: str) -> str:
    """Return the name of the first step of `part` in the plan of jobs of `kind`."""
    return next(step.name for step in of(kind).values() if step.part == part)


def rows(connection: sa.Connection, job: Job) -> dict[str, StepRow]:
    """Return name -> step of the job; a step that a job stored earlier lacks is waiting."""
    return with_waiting(job.kind, step_rows.of_job(connection, job.id))


def with_waiting(kind: str, stored: Mapping[str, StepRow]) -> dict[str, StepRow]:
    """Return the stored steps of a job of `kind` and, waiting, those of its plan that are missing."""
    return {**stored, **{name: step_rows.waiting(name) for name in of(kind) if name not in stored}}


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
    """Return whether every step of `part` is done or skipped."""
    return all(rows[step.name].state in OVER for step in steps.values() if step.part == part)


def first_open(steps: Mapping[str, Step], rows: Mapping[str, StepRow]) -> str | None:
    """Return the first step that is not over, None when all are."""
    return next((name for name in steps if rows[name].state not in OVER), None)
