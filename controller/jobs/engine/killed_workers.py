"""Workers of this machine that were killed: others go on with what they held before its leases are over."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping

import sqlalchemy as sa

from controller.db import facts, jobs, leases, steps
from controller.db.connection.clock import Clock, Moment, at
from controller.db.connection.engine import transact
from controller.db.jobs import Job
from controller.db.machines import slots
from controller.db.machines.slots import SlotRow
from controller.db.steps import StepRow
from controller.jobs.agent_judgement import silence
from controller.jobs.engine.presence import is_gone
from controller.jobs.lifecycle import due_hint, lease, plan, states
from controller.jobs.lifecycle.wakeup import Wakeup, socket_of
from controller.jobs.steps.rollback import MAYBE


class KilledWorkers:
    """Finds them by their sockets in `wakeup`'s folder, where nobody listens any more."""

    def __init__(self, engine: sa.Engine, wakeup: Wakeup, clock: Clock) -> None:
        self._engine = engine
        self._wakeup = wakeup
        self._clock = clock

    def take_over(self) -> None:
        """Let others have the slots and jobs of killed workers as soon as nothing of theirs can be under way. Raises
        database_busy, and is to be called again."""
        ended = self._wakeup.ended()
        if not ended:
            return
        for server in transact(self._engine, lambda connection: self._shorten(connection, ended)):
            due_hint.notify(server)
        self._wakeup.remove(ended)

    def _shorten(self, connection: sa.Connection, ended: Collection[str]) -> Collection[str]:
        """Shorten the leases of the workers whose sockets `ended`; return the servers whose jobs may be claimed now."""
        moment = at(self._clock, connection)
        held = defaultdict[tuple[str, str], list[SlotRow]](list)
        for row in slots.held(connection):
            worker = (row.owner or "").rpartition(":")[0]
            if socket_of(worker) in ended and is_gone(worker):
                held[row.server, worker].append(row)
        return {
            server for (server, worker), rows in held.items() if _released(connection, server, worker, rows, moment)
        }


def _released(connection: sa.Connection, server: str, worker: str, rows: Collection[SlotRow], moment: Moment) -> bool:
    """Shorten the leases that the killed worker has on the server; return whether any is over at once."""
    held = jobs.held_by(connection, server, worker)
    waits = [(job, settles(job, plan.rows(connection, job), moment.now)) for job in held]
    settled = [(job, seconds) for job, seconds in waits if seconds is not None]
    longest, until = moment.now + lease.SECONDS, moment.now + max((seconds for _job, seconds in settled), default=0.0)
    # One slot for each job: those of jobs that others must wait for stay taken
    for row in list(rows)[: max(0, len(rows) - (len(held) - len(settled)))]:
        slots.shorten(connection, row, until, longest)
    for job, seconds in settled:
        leases.shorten(connection, job, moment.now + seconds, longest)
    return any(seconds == 0.0 for _job, seconds in settled)


def settles(job: Job, rows: Mapping[str, StepRow], now: float) -> float | None:
    """Return how long others wait with the job of a worker that was killed, in seconds; None: until its lease is over,
    as with mails, and while an account is being made, which may take minutes."""
    is_making = job.state == states.PREPARING and facts.of(job).made.account == MAYBE
    if job.alarm == "wanted" or job.state == states.CANCELLED or is_making:
        return None
    running = [step for step in plan.of(job.kind).values() if step.work and rows[step.name].state == steps.RUNNING]
    if not running:
        return 0.0 if job.state == states.RECEIVED or _is_the_agents(job, now) else None
    waits = [step.settles for step in running if step.settles is not None]
    return max(waits) if len(waits) == len(running) else None


def _is_the_agents(job: Job, now: float) -> bool:
    """Return whether the agent is at work, and not so silent that a worker may be looking for it."""
    return job.state in (states.DROPPED, states.RESTORING) and not silence.is_due(job, now)
