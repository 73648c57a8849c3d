"""Step cron: the one-shot cron line is in the account's crontab; from here on the agent works."""

from __future__ import annotations

from controller.jobs.steps.work import Outcome, Work
from shared.job import cron_line


def run(work: Work) -> Outcome:
    """Raises panel_*, cron_edit_failed."""
    panel, account = work.tools.panel, work.account
    panel.ensure_cron(account, cron_line(work.job.id))
    return Outcome(facts={"cron_seconds": panel.cron_interval_seconds(account)})
