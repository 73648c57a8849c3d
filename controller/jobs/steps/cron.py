"""Step cron: the one-shot cron line is in the account's crontab; from here on the agent works."""

from __future__ import annotations

from controller.jobs.steps.work import Outcome, Work
from controller.panels.base import Prepared
from shared.job import RESTORE, cron_line


def run(work: Work) -> Outcome:
    """Raises panel_*, cron_edit_failed, panel_unverified when something prepared before is not there."""
    panel, account = work.tools.panel, work.account
    line = cron_line(work.job.id)
    panel.ensure_cron(account, line)
    if work.job.kind == RESTORE:
        panel.verify_prepared(account, Prepared(*panel.database_names(account), line))
    return Outcome(facts={"cron_seconds": panel.cron_interval_seconds(account)})
