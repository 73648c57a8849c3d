"""Step cron: the one-shot cron line is in the account's crontab; from here on the agent works."""

from __future__ import annotations

from controller.db import jobs
from controller.db.engine import reading
from controller.jobs import pull, states
from controller.jobs.steps import drop
from controller.jobs.steps.work import Outcome, Work
from controller.panels.base import Prepared
from shared.job import RESTORE, cron_line


def run(work: Work) -> Outcome:
    """Raises panel_*, cron_edit_failed, panel_unverified when something prepared before is not there."""
    panel, account = work.tools.panel, work.account
    line = cron_line(work.job.id)
    dropped = drop.run(work).columns if _may_lack_files(work) else {}
    panel.ensure_cron(account, line)
    if work.job.kind == RESTORE:
        agent = drop.agent_files(work.tools.config.agent)
        panel.verify_prepared(account, Prepared(*panel.database_names(account), line, agent))
    facts: dict[str, float] = {"cron_seconds": panel.cron_interval_seconds(account)}
    with reading(work.tools.engine) as connection:
        if jobs.last_was_unheard(connection, work.job.server):
            # Its network lets nothing out: this agent is looked for from the beginning
            facts["blocked_at"] = work.tools.clock()
    return Outcome(facts=facts, columns=dropped)


def _may_lack_files(work: Work) -> bool:
    """Tell whether another controller ended while the files of step drop were on their way: the line comes after them,
    so no agent can have begun."""
    panel, account, job = work.tools.panel, work.account, work.job
    begun_elsewhere = job.kind == RESTORE and job.state == states.PREPARING and panel.may_lack_files(account)
    return begun_elsewhere and not pull.has_cron_line(panel, account, job.id)
