"""Moves one job on as far as it goes: any worker may, any number of times; the lease allows one at a time."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import sqlalchemy as sa

from controller.db import due, facts, jobs, leases, steps
from controller.db.connection import refusals
from controller.db.connection.clock import Clock, Moment, at
from controller.db.connection.engine import reading, transact
from controller.db.documents import JobColumns
from controller.db.jobs import Job
from controller.db.machines import servers
from controller.db.shapes import UNREADABLE, DamagedRow
from controller.db.steps import StepRow
from controller.jobs.agent_judgement import silence
from controller.jobs.engine import preparation, step_runner
from controller.jobs.engine.claims import Claimed, PutOff, Rest, RestsWhen
from controller.jobs.engine.monitoring import agent_probe, alarms
from controller.jobs.engine.operations import (
    cancellation,
    follow_up,
    rollback_notes,
    start_leftovers,
    tls_follow_up,
)
from controller.jobs.engine.step_notes import Result
from controller.jobs.lifecycle import changes, due_hint, lease, plan, states
from controller.jobs.lifecycle.emergency_log import report
from controller.jobs.lifecycle.panel_access import server_outage
from controller.jobs.lifecycle.step_context import JobContext, Tools, Work
from controller.jobs.record.sealed_values import private_values
from controller.jobs.shop import credentials, notification_log, notifications
from controller.telemetry.job_at_hand import working_on
from shared.errors import ShoplaunchError
from shared.job import RESTORE

LOG = logging.getLogger(__name__)
#: Pause before a panel or mail server that failed is asked again.
AGAIN_SECONDS = 60.0
#: A job that fails unexpectedly is left alone for this long.
TROUBLE_SECONDS = 30.0
#: What reading a job raises whose stored documents are damaged.
_DAMAGED = (DamagedRow, *UNREADABLE)
#: Longest duration of work outside of steps: a mail is sent, a panel answers, or removes an account.
ASIDE_SECONDS, UNDO_SECONDS = 360.0, lease.LONGEST_SECONDS


class JobRunner:
    """Moves jobs on. `tools_for(job)` returns the tools of the job's server; `owner` names this worker in leases."""

    def __init__(self, engine: sa.Engine, tools_for: Callable[[Job], Tools], owner: str, clock: Clock) -> None:
        self._engine = engine
        self._tools_for = tools_for
        self._owner = owner
        self._clock = clock
        #: One panel for all work on an attempt in one go, with the attempt: it may cache what it read. An operator
        #: who retries a job that is still held has mended something: that is read anew.
        self._kept: dict[str, tuple[int, Tools]] = {}
        #: The jobs being worked on now.
        self._held: dict[str, Claimed] = {}

    def _tools(self, job: Job) -> Tools:
        # The first attempt is counted when it begins
        attempt = max(job.attempt, 1)
        kept = self._kept.get(job.id)
        if kept is None or kept[0] != attempt:
            held = self._held[job.id]
            known = held.known if kept is None else None
            kept = self._kept[job.id] = attempt, replace(self._tools_for(job), lease=held.lease, known=known)
        return kept[1]

    def advance(self, job_id: str) -> bool:
        """Move the job on; return False when another worker holds it.

        Raises job_unknown, database_busy.
        """
        with lease.held(self._engine, job_id, self._owner, self._clock) as held:
            if held is None:
                return False
            with reading(self._engine) as connection:
                job = jobs.get(connection, job_id)
                begun = step_runner.Begun(job, (), plan.rows(connection, job))
                claimed = Claimed(held, begun, JobContext.of(connection, job))
            rest = self._move_kept(claimed, lambda _connection: False)
        self.give_back(rest)
        return True

    def claim(self, connection: sa.Connection, job_id: str, moment: Moment) -> Claimed | PutOff | None:
        """Claim a due job within a transaction, and begin its steps where nothing else is to be done before; return
        None when another worker has it, or writes its row; PutOff where what is stored of it is damaged. Raises
        database_busy."""
        try:
            read = self._read_due(connection, job_id, moment)
        except _DAMAGED as problem:
            # Nothing is written yet; its server's other jobs go on
            report(f"job {job_id} cannot be read", problem)
            leases.put_off(connection, job_id, moment.now + TROUBLE_SECONDS)
            return PutOff()
        if read is None:
            return None
        begun, known = read
        held = lease.Lease(self._engine, job_id, self._owner, self._clock)
        held.longest = max((step.outlasts for step in begun.steps), default=held.longest)
        return Claimed(held, step_runner.claim(connection, held, begun, moment), known)

    def _read_due(
        self, connection: sa.Connection, job_id: str, moment: Moment
    ) -> tuple[step_runner.Begun, JobContext] | None:
        """Return (the due job with the steps to begin, what is read together with it), its row locked."""
        job = due.lock(connection, job_id, moment)
        if job is None:
            return None
        rows = plan.rows(connection, job)
        found = self._following(job, rows, moment.now) if job.state != states.RESTORING else []
        if any(step.only_notes for step in found):
            found = []
        return step_runner.Begun(job, found, rows), JobContext.of(connection, job)

    def move(self, claimed: Claimed, rests: RestsWhen) -> Rest:
        """As `advance`, for a claimed job, which the caller gives back. Raises database_busy."""
        with lease.kept(claimed.lease):
            return self._move_kept(claimed, rests)

    def release(self, connection: sa.Connection, rest: Rest, now: float) -> bool:
        """Give the job back within a transaction; return whether it changed meanwhile, and is due at once."""
        return leases.release(connection, rest.job, rest.owner, now, rest.wake_at)

    def give_back(self, rest: Rest) -> None:
        """Give the job back. Raises database_busy."""
        now = self._clock()
        if transact(self._engine, lambda connection: self.release(connection, rest, now)):
            due_hint.notify(rest.job.server)

    def _move_kept(self, claimed: Claimed, rests: RestsWhen) -> Rest:
        job_id, job = claimed.lease.job, claimed.begun.job
        self._held[job_id] = claimed
        try:
            with working_on(job_id, job.server, job.attempt):
                return self._move_held(claimed, rests)
        finally:
            self._kept.pop(job_id, None)
            self._held.pop(job_id, None)

    def outlive(self, seconds: float = 0.0) -> None:
        """This process is about to end: keep jobs being worked on held as long as a panel may still be at them.

        Wait at most `seconds` until the leases are extended.
        """
        end = time.monotonic() + seconds
        under_way = [claimed.lease for claimed in list(self._held.values())]
        for one in under_way:
            one.outlive()
        for one in under_way:
            one.is_long(max(0.0, end - time.monotonic()))

    def _move_held(self, claimed: Claimed, rests: RestsWhen) -> Rest:
        held, job = claimed.lease, claimed.begun.job
        wake_at = job.wake_at
        try:
            job, wake_at = self._move(held, rests, claimed.begun)
            if claimed.begun.job.state != job.state:
                self._tools(job).bundles.leave(job, self._clock())
        except lease.Lost as lost:
            LOG.warning("%s: what was done for it meanwhile is not noted", lost)
        except BaseException:
            self._put_off(held)
            raise
        finally:
            held.end()
        return Rest(job, held.owner, wake_at)

    def _put_off(self, held: lease.Lease) -> None:
        """Give back a job that failed unexpectedly; at once it would meet the same."""
        until = self._clock() + TROUBLE_SECONDS
        try:
            transact(self._engine, lambda connection: leases.free(connection, held.job, held.owner, wake_at=until))
        except BaseException as problem:  # noqa: BLE001 - the job is tried again when its lease is over
            report(f"job {held.job} could not be put off", problem)

    def _read(self, held: lease.Lease) -> tuple[Job, dict[str, StepRow]]:
        with reading(self._engine) as connection:
            job = jobs.get(connection, held.job)
            rows = plan.rows(connection, job)
        held.noted(job)
        return job, rows

    def _change(self, job_id: str, work: Callable[[sa.Connection, Job], JobColumns]) -> Job:
        return changes.change(self._engine, job_id, self._clock(), work, self._held[job_id].lease)

    def _move(self, held: lease.Lease, rests: RestsWhen, begun: step_runner.Begun) -> tuple[Job, float | None]:
        """Do what is to be done now; return (the job as last read, when it is due next). Raises lease.Lost."""
        alarmed, idle, posted = False, False, set[str]()
        job, rows = begun.job, begun.rows
        if begun.steps:
            job, rows = self._carry_out(held, begun, self._way(held, job, rests))
        while True:
            held.check(job)
            held.longest = UNDO_SECONDS if job.state == states.CANCELLED else ASIDE_SECONDS
            if rests(None):
                # The next worker goes on from here
                return job, job.wake_at
            if job.alarm == "wanted" and not alarmed and alarms.due_at(job, self._clock()) <= self._clock():
                alarmed = True
                self._alarm(job)
            elif job.state == states.RECEIVED:
                if (prepared := self._prepare(held, job, rows, rests)) is not None:
                    job, rows = prepared
                    continue
            elif job.state in (states.DROPPED, states.RESTORING) and silence.is_due(job, self._clock()):
                agent_probe.probe(self._tools(job), job, self._clock())
            elif follow_up.has_idle_user(job) and not idle:
                idle = True
                follow_up.forget_idle_user(self._tools(job), job)
            elif (left := start_leftovers.due_at(job, rows)) is not None and left <= self._clock():
                start_leftovers.remove(self._tools(job), job)
            elif job.state == states.CANCELLED:
                job = self._undo(job)
                return job, job.wake_at
            elif found := self._ready(job, rows):
                job, rows = self._run(held, rows, self._way(held, job, rests, found))
                continue
            elif not self._post(job, posted):
                if (checked := self._check_tls(job)) is None:
                    return job, self._rest(job, rows)
                job = checked
                continue
            job, rows = self._read(held)

    def _ready(self, job: Job, rows: Mapping[str, StepRow]) -> list[plan.Step]:
        """Return the steps that may run now; those that wait for their server only where that may be called."""
        now = self._clock()
        found = plan.ready(plan.of(job.kind), rows, plan.PARTS.get(job.state, ()), now)
        if not any(server_outage.is_waiting(rows[step.name], now) for step in found):
            return found
        with reading(self._engine) as connection:
            return server_outage.ready(connection, job, found, rows, at(self._clock, connection))

    def _post(self, job: Job, posted: set[str]) -> bool:
        """Do one thing due besides steps: erase a password, notify the client; return whether any was."""
        now, tools = self._clock(), self._tools(job)
        if (due := credentials.expires_at(job)) is not None and now >= due:
            credentials.erase(self._engine, job.id, now, tools.lease)
            return True
        for what, moment in notifications.times(job, tools).items():
            if moment <= now and what not in posted:
                posted.add(what)
                notifications.send(job, tools, what)
                return True
        return False

    def _check_tls(self, job: Job) -> Job | None:
        """Check TLS where that is due; return the job after that, whose steps are as before."""
        check_at = tls_follow_up.next_check_at(job)
        is_due = check_at is not None and check_at <= self._clock()
        return tls_follow_up.check(self._tools(job), job) if is_due else None

    def _rest(self, job: Job, rows: Mapping[str, StepRow]) -> float | None:
        """Nothing to do now: return when there will be."""
        now = self._clock()
        waits = [
            due
            for step in plan.of(job.kind).values()
            if step.part in plan.PARTS.get(job.state, ()) and (row := rows[step.name]).state == steps.WAITING
            and (due := server_outage.wake_at(job, row, now)) is not None
        ]  # fmt: skip
        if job.alarm == "wanted":
            waits.append(max(now + AGAIN_SECONDS, alarms.due_at(job, now)))
        if follow_up.has_idle_user(job):
            waits.append(now + AGAIN_SECONDS)
        waits += notifications.times(job, self._tools(job)).values()
        more = credentials.expires_at(job), tls_follow_up.next_check_at(job), start_leftovers.due_at(job, rows)
        waits += [due for due in more if due is not None]
        wake_at = min(waits, default=None)
        if job.state in (states.DROPPED, states.RESTORING):
            wake_at = min([*waits, silence.deadline(job)])
        return wake_at

    def _prepare(
        self, held: lease.Lease, job: Job, rows: Mapping[str, StepRow], rests: RestsWhen
    ) -> tuple[Job, Mapping[str, StepRow]] | None:
        """Begin the job's first attempt, and go on as `_run`; return None when it cannot begin."""
        try:
            way = self._way(held, job, rests)
            change = preparation.begin(way.tools, job)
            begun = step_runner.begin(held, rows, way, self._clock(), change)
        except lease.Lost:
            raise
        except Exception as error:
            if refusals.is_one(error) or step_runner.exhausted(error) is not None:
                raise
            LOG.exception("job %s cannot begin", job.id)
            document, now = changes.as_document(error), self._clock()
            self._change(job.id, lambda c, now_job: preparation.fail(c, now_job, document, now))
            return None
        return self._carry_out(held, begun, way)

    def _way(self, held: lease.Lease, job: Job, rests: RestsWhen, found: Sequence[plan.Step] = ()) -> step_runner.Way:
        """Return how the job goes on: by the steps `found` first, then by those that follow what was done."""
        first = [found] if found else []

        def following(connection: sa.Connection, job: Job, rows: Mapping[str, StepRow]) -> Sequence[plan.Step]:
            found = first.pop() if first else self._following(job, rows, self._clock())
            if found and rests(connection):
                return []
            held.longest = max((step.outlasts for step in found), default=held.longest)
            return found

        return step_runner.Way(following, self._tools(job))

    def _run(
        self, held: lease.Lease, rows: Mapping[str, StepRow], way: step_runner.Way
    ) -> tuple[Job, Mapping[str, StepRow]]:
        """Begin the steps that follow, and carry them out."""
        return self._carry_out(held, step_runner.begin(held, rows, way, self._clock()), way)

    def _carry_out(
        self, held: lease.Lease, begun: step_runner.Begun, way: step_runner.Way
    ) -> tuple[Job, Mapping[str, StepRow]]:
        """Run steps that do not depend on each other in parallel, and those that follow them: what ends and what begins
        is noted together. Return the job and its steps as they were noted last."""
        while begun.steps:
            begun = step_runner.finish(held, begun, self._results(begun), way, self._clock())
        return begun.job, begun.rows

    def _results(self, begun: step_runner.Begun) -> list[Result]:
        try:
            work = self._work(begun.job)
        except lease.Lost:
            raise
        except Exception as error:
            LOG.exception("job %s: no step can run", begun.job.id)
            return [error] * len(begun.steps)
        return step_runner.side_by_side(begun.steps, work)

    def _following(self, job: Job, rows: Mapping[str, StepRow], now: float) -> list[plan.Step]:
        """Return the steps that may run right after others, where nothing else is to be done before."""
        if job.state not in plan.PARTS or job.alarm == "wanted" or follow_up.has_idle_user(job):
            return []
        found = plan.ready(plan.of(job.kind), rows, plan.PARTS[job.state], now)
        # What waits for its server begins only where that may be called
        return [] if any(server_outage.is_waiting(rows[step.name], now) for step in found) else found

    def _work(self, job: Job) -> Work:
        """Return the context of the job's steps; forgotten private values are made anew."""
        tools = self._tools(job)
        if job.secrets_encrypted is None and job.state == states.PREPARING and job.kind == RESTORE:
            job = self._change(job.id, preparation.private_values(tools))
        return Work(job, private_values(tools.keys, job), tools)

    def _undo(self, job: Job) -> Job:
        if facts.of(job).undo.state == facts.UNDO_DONE:
            return self._change(job.id, lambda _c, _job: {"wake_at": None} if _job.wake_at is not None else {})
        tools, now = self._tools(job), self._clock()
        try:
            done = cancellation.run(Work(job, private_values(tools.keys, job), tools))
        except lease.Lost:
            raise
        except Exception as error:
            # A panel's error is no bug of the controller: one log line is enough, however often it is tried
            known = isinstance(error, ShoplaunchError)
            LOG.warning("job %s: taking back: %s", job.id, error, exc_info=None if known else error)
            document, again_at = changes.as_document(error), now + AGAIN_SECONDS
            return self._change(job.id, lambda c, one: rollback_notes.not_undone(c, one, document, now, again_at))
        return self._change(job.id, lambda c, one: rollback_notes.undone(c, one, done, now))

    def _alarm(self, job: Job) -> None:
        """Alarm the operator; when that fails, everything else goes on and it is tried again later."""
        tools = self._tools(job)
        tools.require_lease()
        problem = alarms.deliver(tools.billing, alarms.of_job(tools, job))

        def work(connection: sa.Connection, now_job: Job) -> JobColumns:
            known, is_same = facts.of(now_job), now_job.alarm != "" and now_job.state == job.state
            if problem is not None:
                if not is_same or known.alarm_problem == problem:
                    return {}
                return {**facts.column(replace(known, alarm_problem=problem)), "updated_at": now_job.updated_at}
            now = self._clock()
            # Also for a job that was retried meanwhile: its next alarm waits an hour
            known = replace(known, alarm_problem=None, alarmed_at=now)
            if not is_same:
                return facts.column(known)
            servers.lock_alarm_delivered(connection, job.id)
            if tools.billing.keeps_posted:
                known = notification_log.remembered(known, trouble_at=now)
            return {"alarm": "told", **facts.column(known)}

        self._change(job.id, work)
