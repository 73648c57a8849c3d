"""Step cron: the one-shot cron line is in the account's crontab; where the panel can, the agent starts at once."""

from __future__ import annotations

from dataclasses import replace

from controller.db import jobs
from controller.db.connection.engine import reading
from controller.jobs.agent_link import ring
from controller.jobs.lifecycle.step_context import Outcome, Work
from controller.jobs.steps import drop
from controller.panels.base import Prepared
from shared.job import cron_line


def run(work: Work) -> Outcome:
    """Raises panel_*, agent_not_built, cron_edit_failed; panel_unverified when something prepared is not there."""
    panel, account = work.tools.panel, work.account
    line = cron_line(work.job.id)
    agent = drop.agent_files(work.tools.config.agent)
    panel.ensure_cron(account, line)
    panel.verify_prepared(account, Prepared(*work.database_names, line, agent))
    every, blocked_at = panel.cron_interval_seconds(account), work.facts.blocked_at
    with reading(work.tools.engine) as connection:
        if jobs.last_was_unheard(connection, work.job.server):
            # Its network lets nothing out: this agent is looked for from the beginning
            blocked_at = work.tools.clock()
    # Last: what it starts may report before this step is noted
    unprepared = work.facts.start_prepared
    came = ring.ring(work, unprepared)
    return Outcome(
        lambda known: replace(known, cron_seconds=every, blocked_at=blocked_at, start=came),
        effect=lambda connection: ring.note(connection, work, came, unprepared),
    )
