"""Step cron: the one-shot cron line is in the account's crontab; where the panel can, the agent starts at once."""

from __future__ import annotations

from dataclasses import replace

import sqlalchemy as sa

from controller.db.facts import Facts
from controller.db.machines import jobs_there
from controller.jobs.agent_link import ring
from controller.jobs.lifecycle import late_removals
from controller.jobs.lifecycle.step_context import Outcome, Work
from controller.jobs.steps import drop
from controller.panels.base import Prepared
from shared.job import cron_line


def run(work: Work) -> Outcome:
    """Install the cron line. Raises panel_*, agent_not_built, cron_edit_failed; panel_unverified when a prepared thing
    is missing; StepWaits after a removal without an answer."""
    panel, account = work.tools.panel, work.account
    line = cron_line(work.job.id)
    agent = drop.agent_files(work.tools.config.agent, work.job.agent or work.tools.channel.agent_for(work.job.id))
    late_removals.look_again(work)
    with late_removals.awaited(work):
        panel.ensure_cron(account, line)
    panel.verify_prepared(account, Prepared(*work.database_names, line, agent))
    every, blocked_at = panel.cron_interval_seconds(account), [work.facts.blocked_at]
    # Last: the started agent may report before this step is noted
    unprepared = work.facts.start_prepared
    came = ring.ring(work, unprepared)

    def note(connection: sa.Connection) -> None:
        ring.note(connection, work, came, unprepared)
        if jobs_there.last_was_unheard(connection, work.job.server):
            # The account's network lets nothing out: probe this agent from the beginning
            blocked_at[:] = [work.tools.clock()]

    def learned(known: Facts) -> Facts:
        return ring.noted(replace(known, cron_seconds=every, blocked_at=blocked_at[0]), came)

    return Outcome(learned, effect=note)
