"""Asks the panel what a silent agent has done, and updates the agent's job."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import sqlalchemy as sa

from controller.db import facts, steps
from controller.db.documents import JobColumns
from controller.db.facts import Facts
from controller.db.jobs import Job
from controller.jobs.agent_judgement import agent_trouble, silence
from controller.jobs.agent_judgement.sight import NO_STATE, Sight
from controller.jobs.agent_link import acknowledgements, delivery, panel_reading, panel_reports
from controller.jobs.lifecycle import changes, states
from controller.jobs.lifecycle.panel_access import panel_lockout
from controller.jobs.lifecycle.step_context import Tools, Work
from shared.errors import ShoplaunchError

if TYPE_CHECKING:
    from shared.documents import Error, Event, State

LOG = logging.getLogger(__name__)
#: Pause after a panel that failed during a probe.
LOOK_AGAIN_SECONDS = 60.0
LONGEST_PAUSE_SECONDS = 900.0
WAITING = (states.DROPPED, states.RESTORING)


def probe(tools: Tools, job: Job, now: float) -> Job:
    """Probe once; return the job as it is afterwards. Raises job_unknown, database_busy."""
    work = Work(job, {}, tools)

    def change(columns_of: Callable[[sa.Connection, Job], JobColumns]) -> Job:
        def still(connection: sa.Connection, now_job: Job) -> JobColumns:
            if now_job.state not in WAITING or now_job.attempt != job.attempt:
                return {}
            if now_job.heard_at != job.heard_at:
                # The agent reported during the probe
                return {"wake_at": silence.deadline(now_job)}
            return columns_of(connection, now_job)

        return changes.change(tools.engine, job.id, now, still, tools.lease)

    try:
        sight, event, verdict = _sight(work, now)
    except ShoplaunchError as error:
        LOG.warning("job %s: the panel cannot be asked: %s", job.id, error.message)
        document = changes.as_document(error)
        # Without an answer of the panel only the end of the validity counts
        if _is_final(document) or job.expires_at is None or now < job.expires_at:
            return change(lambda connection, now_job: _unseen(connection, now_job, document, now))
        sight, event = Sight(None, False, False), None
        verdict = silence.verdict(job, sight, now)
    if event is not None:
        found = change(lambda connection, now_job: _finished(connection, now_job, event, sight.state or NO_STATE, now))
        if found.state not in WAITING:
            return found
    found = change(lambda connection, now_job: _judged(connection, now_job, verdict, sight.state, now))
    if (
        verdict is not None
        and verdict.kind == "failed"
        and found.state == states.FAILED
        and panel_reports.is_of(job, sight.state)
    ):
        _answer(work, sight)
    return found


def _sight(work: Work, now: float) -> tuple[Sight, Event | None, silence.Verdict | None]:
    """Return what lies in the account, the final event found there, and the verdict. Raises ShoplaunchError."""
    panel, job = work.tools.panel, work.job
    sight = panel_reading.read(panel, work.account, job)
    event, verdict = panel_reports.final_event(job, sight.state), silence.verdict(job, sight, now)
    if event is None and verdict is not None and verdict.kind == "stalled":
        # Nothing runs in an account that is suspended or gone, whatever files are left
        panel.ensure_account(job.account, job.domain, create=False, email=job.email)
        verdict = replace(verdict, error=delivery.explained(panel, work.account, job, verdict.error))
    return sight, event, verdict


def _finished(connection: sa.Connection, job: Job, event: Event, state: State, now: float) -> JobColumns:
    columns = panel_reports.finish(connection, job, event, now)
    return {**columns, "progress": panel_reports.progress(state, now)["progress"]} if columns else {}


def _answer(work: Work, sight: Sight) -> None:
    """Acknowledge an agent that gave up unheard: it needs no more cron ticks. When that fails, they do no harm."""
    try:
        acknowledgements.accept(work, panel_reports.last_number(sight.state))
    except ShoplaunchError as error:
        LOG.warning("job %s: the agent is not answered: %s", work.job.id, error.message)


def _is_final(error: Error) -> bool:
    """Return whether asking the panel again is useless until an operator acts."""
    return not error["retryable"] and error["code"] != panel_lockout.CODE


def _unseen(connection: sa.Connection, job: Job, error: Error, now: float) -> JobColumns:
    """The probe found nothing. The job stalls when the panel refuses finally; else the panel is asked again. When
    the server refused the controller's login, the operator is notified."""
    if _is_final(error):
        return _judged(connection, job, silence.Verdict("stalled", error), None, now)
    if error["code"] == panel_lockout.CODE:
        # The panel was not called: waiting costs nothing, and ends as soon as the operator unlocks it
        return {**panel_lockout.noted(connection, job, error, now), **_postponed(job, now, 0)}
    return _postponed(job, now, facts.of(job).look_failures)


def _postponed(job: Job, now: float, failures: int) -> JobColumns:
    """The panel did not answer: ask it less and less often, so that a dead server does not hold up jobs of others."""
    pause = min(LOOK_AGAIN_SECONDS * 2 ** max(0, failures - 1), LONGEST_PAUSE_SECONDS)
    known = replace(facts.of(job), looked_at=now, look_failures=failures + 1, look_at=now + pause)
    return {"wake_at": now + pause, **facts.column(known)}


def _judged(
    connection: sa.Connection, job: Job, found: silence.Verdict | None, state: State | None, now: float
) -> JobColumns:
    if found is None:
        return facts.column(_answered(job, now))
    if found.kind == "works":
        return _works(connection, job, found, state or NO_STATE, now)
    steps.update(connection, job.id, "agent", state=steps.FAILED, error=found.error, finished_at=now)
    return changes.failed(job, "agent_failed" if found.kind == "failed" else "stall", "agent", found.error, now)


def _answered(job: Job, now: float) -> Facts:
    """Return the facts of a job whose panel has answered: earlier failures to answer are forgotten."""
    return replace(facts.of(job), looked_at=now, look_failures=0, look_at=0.0)


def _works(connection: sa.Connection, job: Job, found: silence.Verdict, state: State, now: float) -> JobColumns:
    """The agent works unheard: alarm the operator when that begins, and when the agent's error lasts."""
    alarms, known = not silence.is_blocked(job), agent_trouble.of(job)
    after = replace(_answered(job, now), seen_at=now, blocked_at=now, state_updated_at=found.updated_at)
    if found.error["code"] != silence.BLOCKED:
        at = (state.get("stage"), state.get("percent"))
        met, lasts = agent_trouble.met(job, found.error, *at, now, alarmed=alarms)
        after, alarms = replace(after, trouble=met), alarms or lasts
    elif known is not None and agent_trouble.is_over(known, state.get("percent")):
        after = replace(after, trouble=None)
    steps.update(connection, job.id, "agent", state=steps.RUNNING, error=None)
    columns: JobColumns = {**changes.moved(job, "agent_works"), "step": "agent", "error": found.error}
    if alarms:
        columns["alarm"] = "wanted"
    return columns | facts.column(after) | panel_reports.progress(state, now)
